/** What a node's run will cost, and all of a graph, by the prices that the user has entered. Unknown stays unknown. */
import { app } from '../../scripts/app.js'
import { get } from './api.js'
import { inputOf, isLinked, widgetOf } from './graph.js'
import { runsOf, sourceOf, valuesOf } from './runs.js'
import { parse } from './script.js'
import { say } from './words.js'

const OPERATIONS = {
  SoraVideo_Text2Video: 'text_to_video',
  SoraVideo_Image2Video: 'image_to_video',
  SoraVideo_Storyboard: 'storyboard',
  SoraVideo_Remix: 'remix',
  SoraVideo_Edit: 'edit', // or what its own input of this name says
  SoraVideo_Image: 'image',
  SoraVideo_CreateCharacter: 'create_character',
  SoraVideo_RemoveWatermark: 'clean_link',
  SoraVideo_EnhancePrompt: 'enhance_prompt'
}
const ASKED = ['operation', 'profile', 'model', 'seconds', 'orientation', 'quality', 'size', 'takes']
const AS_SOURCE = 'as the source'
const SHOT = 'SoraVideo_Shot'
const SETTINGS = 'SoraVideo_Settings'
const MOST_SETTINGS = 50 // in a chain
const RUNS = 0 // the mode of a node that is neither muted nor bypassed
const UNKNOWN = undefined

const estimates = new Map() // what was asked -> a promise of the answer

/** To be called when prices may have changed. */
export function forgetCosts() {
  estimates.clear()
}

export function isPriced(node) {
  return node.comfyClass in OPERATIONS
}

/** "about 0.60 USD · 12.00 USD in this graph", "free", "cost unknown"; `graph` is what graphCost() gave of `places`. */
export async function costLine(node, places, graph) {
  const place = places.find((each) => each.node === node) ?? { node }
  const own = await costsOf(place)
  if (own.includes(UNKNOWN)) return say('cost.unknown')
  const amount = sum(own)
  return [own.some(isCharged) ? say('cost.about', { amount }) : amount, await graph].filter(Boolean).join(' · ')
}

/** Of all nodes that will run; empty where there are not several. */
export async function graphCost(places) {
  return places.length > 1 ? say('cost.graph', { amount: sum((await Promise.all(places.map(costsOf))).flat()) }) : ''
}

function isCharged(cost) {
  return Number(cost?.amount) > 0
}

/** Of each currency, and whether something is not known. */
function sum(costs) {
  const totals = new Map()
  for (const each of costs.filter(isCharged)) totals.set(each.currency, (totals.get(each.currency) ?? 0) + Number(each.amount))
  const parts = [...totals].map(([currency, amount]) => `${shown(amount)} ${currency}`.trim())
  if (costs.includes(UNKNOWN)) parts.push(say('cost.some_unknown'))
  return parts.join(' + ') || say('cost.free')
}

/** Two places at the least, and no more than it takes: prices have six. */
function shown(amount) {
  return amount.toFixed(6).replace(/(\.\d\d\d*?)0+$/, '$1')
}

/** Of the whole graph, with what lies in subgraphs. */
export function pricedPlaces(graph = app.rootGraph ?? app.graph, host = undefined) {
  const running = (graph?.nodes ?? []).filter((each) => each.mode === RUNS).map((node) => ({ node, host }))
  return running.flatMap((place) => (place.node.subgraph ? pricedPlaces(place.node.subgraph, place) : isPriced(place.node) ? [place] : []))
}

/** Of each run of a node `{ amount, currency }`, or UNKNOWN; one UNKNOWN where not even their number is known. */
async function costsOf(place) {
  if (await isFree(place)) return [{ amount: 0, currency: '' }]
  const questions = questionsOf(place)
  return questions ? Promise.all(questions.map(estimate)) : [UNKNOWN]
}

/** Whatever it is asked for, and however often. */
async function isFree(place) {
  const profiles = valuesOf(place, 'profile')
  const found = profiles?.length === 1 && profiles[0] && (await answer({ profile: profiles[0] }))
  return found?.paid === false
}

async function estimate(asked) {
  const found = asked && (await answer(asked))
  return found?.amount == null ? UNKNOWN : found
}

function answer(asked) {
  const key = JSON.stringify(asked)
  if (!estimates.has(key)) estimates.set(key, get('/estimate', asked).catch(() => undefined))
  return estimates.get(key)
}

/** What is to be asked of each run: UNKNOWN where something that counts is not known before. */
function questionsOf(place) {
  const { node } = place
  const runs = runsOf(place)
  if (runs === undefined) return undefined
  const values = Object.fromEntries(namesOf(node).map((name) => [name, valuesOf(place, name)]))
  if (node.comfyClass === 'SoraVideo_Storyboard') values.seconds = valuesOf(place, 'script')?.map((script) => secondsOfShots(place, script))
  if (isLinked(node, 'settings')) values.settings = [settingsOf(place)]
  return Array.from({ length: runs }, (_, run) => questionOf(node, values, run))
}

function namesOf(node) {
  return ASKED.filter((name) => widgetOf(node, name))
}

/** A list that is shorter than others goes on with its last value. */
function questionOf(node, values, run) {
  const asked = { operation: OPERATIONS[node.comfyClass] }
  for (const [name, list] of Object.entries(values)) {
    const value = list?.[Math.min(run, list.length - 1)]
    if (value === undefined) return UNKNOWN
    asked[name] = value === AS_SOURCE ? '' : value
  }
  return asked
}

/** Nothing where they are not all written. */
function secondsOfShots(place, script) {
  const written = typeof script === 'string' ? parse(script)?.shots : undefined
  const sockets = (place.node.inputs ?? []).filter((each) => each.name.startsWith('shots.') && each.link != null)
  const connected = sockets.map((each) => sourceOf(place, each))
  if (!written || connected.some((each) => each?.node.comfyClass !== SHOT)) return undefined
  const lengths = connected.map((each) => valuesOf(each, 'seconds')).map((each) => (each?.length === 1 ? each[0] : NaN))
  const total = [...written.map((each) => each.seconds), ...lengths].reduce((all, each) => all + each, 0)
  return total > 0 ? Math.round(total) : undefined
}

/** What the Sora Settings before a node say, the nearest one last, as JSON; nothing where it is not all written. */
function settingsOf(place) {
  const said = []
  for (let at = place; said.length <= MOST_SETTINGS; ) {
    const socket = inputOf(at.node, 'settings')
    if (socket?.link == null) return JSON.stringify(said)
    at = sourceOf(at, socket)
    if (at?.node.comfyClass !== SETTINGS) return undefined
    const names = at.node.widgets.filter((each) => !each.name.startsWith('sora_')).map((each) => each.name)
    const values = Object.fromEntries(names.map((name) => [name, valuesOf(at, name)]))
    if (Object.values(values).some((each) => each?.length !== 1 || each[0] === undefined)) return undefined
    said.unshift(Object.fromEntries(Object.entries(values).map(([name, [value]]) => [name, value])))
  }
  return undefined
}
