/** What a node's run will cost, and all of a graph, by the prices that the user has entered. Unknown stays unknown. */
import { app } from '../../scripts/app.js'
import { get } from './api.js'
import { parse } from './script.js'
import { say } from './words.js'

const OPERATIONS = {
  SoraVideo_Text2Video: 'text_to_video',
  SoraVideo_Image2Video: 'image_to_video',
  SoraVideo_Storyboard: 'storyboard',
  SoraVideo_Remix: 'remix',
  SoraVideo_Image: 'image'
}
const ASKED = ['profile', 'model', 'seconds', 'orientation', 'quality', 'size', 'takes']
const RUNS = 0 // the mode of a node that is neither muted nor bypassed

const estimates = new Map() // what was asked -> a promise of the answer

/** To be called when prices may have changed. */
export function forgetCosts() {
  estimates.clear()
}

export function isPriced(node) {
  return node.comfyClass in OPERATIONS
}

/** "about 0.60 USD · 12.00 USD in this graph", "free", "cost unknown"; `graph` is what graphCost() gave. */
export async function costLine(node, graph) {
  const own = await estimate(node)
  if (!own) return say('cost.unknown')
  return [shown(own), await graph].filter(Boolean).join(' · ')
}

/** Of all nodes that will run; empty where there are not several. */
export async function graphCost() {
  const nodes = pricedNodes(app.rootGraph ?? app.graph)
  return nodes.length > 1 ? say('cost.graph', { amount: sum(await Promise.all(nodes.map(estimate))) }) : ''
}

function shown({ amount, text }) {
  return Number(amount) ? say('cost.about', { amount: text }) : say('cost.free')
}

/** Of each currency, and whether something is not known. */
function sum(all) {
  const totals = new Map()
  for (const each of all) if (each) totals.set(each.currency, (totals.get(each.currency) ?? 0) + Number(each.amount))
  const parts = [...totals].filter(([, amount]) => amount).map(([currency, amount]) => `${amount.toFixed(2)} ${currency}`.trim())
  if (all.some((each) => !each)) parts.push(say('cost.some_unknown'))
  return parts.join(' + ') || say('cost.free')
}

function pricedNodes(graph) {
  return (graph?.nodes ?? []).filter((each) => each.mode === RUNS).flatMap((each) => (each.subgraph ? pricedNodes(each.subgraph) : isPriced(each) ? [each] : []))
}

/** `{ amount, currency, text }`; nothing where it cannot be known. */
async function estimate(node) {
  const asked = questionOf(node)
  if (!asked) return undefined
  const key = JSON.stringify(asked)
  if (!estimates.has(key)) estimates.set(key, get('/estimate', asked).catch(() => undefined))
  const found = await estimates.get(key)
  return found?.amount == null ? undefined : found
}

/** What its widgets say; nothing where something that counts comes over a link. */
function questionOf(node) {
  const names = ASKED.filter((name) => node.widgets?.some((each) => each.name === name))
  if (names.some((name) => node.inputs?.find((each) => each.widget?.name === name)?.link != null)) return undefined
  const values = Object.fromEntries(names.map((name) => [name, value(node, name)]))
  for (const name of ['orientation', 'quality']) if (values[name] === 'as the source') values[name] = ''
  if (node.comfyClass === 'SoraVideo_Storyboard') values.seconds = secondsOfShots(node)
  return values.seconds === undefined && names.includes('seconds') ? undefined : { operation: OPERATIONS[node.comfyClass], ...values }
}

function value(node, name) {
  return node.widgets.find((each) => each.name === name)?.value
}

/** Nothing where they are not all written. */
function secondsOfShots(node) {
  if (node.inputs?.find((each) => each.widget?.name === 'script')?.link != null) return undefined
  const written = parse(String(value(node, 'script') ?? ''))?.shots
  const links = (node.inputs ?? []).filter((each) => each.name.startsWith('shots.') && each.link != null)
  const connected = links.map((each) => node.getInputNode(node.inputs.indexOf(each)))
  if (!written || connected.some((each) => each?.comfyClass !== 'SoraVideo_Shot')) return undefined
  const total = [...written.map((each) => each.seconds), ...connected.map((each) => value(each, 'seconds'))].reduce((all, each) => all + each, 0)
  return total > 0 ? Math.round(total) : undefined
}
