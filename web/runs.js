/**
 * How often a node will run and with which values, as far as the graph says it: a list that comes over a link runs what
 * is behind it once for each of its values.
 *
 * A place is a node and the place of the subgraph that it lies in. A list of values holds `undefined` for a value that
 * is not known before the run, and is itself `undefined` where not even their number is.
 */
import { inputOf, isLinked, isOurs, widgetOf } from './graph.js'
import { promptsOf } from './prompt_lines.js'

const [MUTED, BYPASSED] = [2, 4] // modes of a node
const INPUTS_OF_A_SUBGRAPH = -10 // the number of what stands for them inside of it
const MOST_STEPS = 100 // a link can lead in a circle
const PROMPTS = 'SoraVideo_Prompts'
const COLLECTS = 'SoraVideo_ResumeJob' // only the ledger knows how many videos its job made
const TAKES_LISTS = 'SoraVideo_JoinClips' // hosts before 0.33 do not tell it of a node
const WRITTEN = /^Primitive(?:Node|Int|Float|String|StringMultiline|Boolean)$/

const counts = new Map() // node -> the node of its subgraph -> how often it runs; for this moment

/** How often the node runs, or `undefined`. */
export function runsOf(place) {
  if (!counts.size) setTimeout(() => counts.clear())
  const inside = place.host?.node
  const found = counts.get(place.node) ?? new Map()
  counts.set(place.node, found)
  if (!found.has(inside)) {
    found.set(inside, undefined) // of a circle nothing is known
    found.set(inside, counted(place))
  }
  return found.get(inside)
}

function counted(place) {
  const { node } = place
  if (takesLists(node)) return 1
  const lengths = (node.inputs ?? []).filter((each) => each.link != null).map((each) => given(place, each)?.length)
  if (lengths.includes(undefined)) return undefined
  const runs = Math.max(1, ...lengths)
  return runs > 1 && takesLists(node) === undefined && !isOurs(node) ? undefined : runs
}

/** The values of an input, one where it is written on the node itself. */
export function valuesOf(place, name) {
  return given(place, inputOf(place.node, name) ?? { name })
}

/** The place of the node that an input gets its value from, through subgraphs, reroutes and what is bypassed. */
export function sourceOf(place, input) {
  return followed(place, input)?.source
}

function given(place, input) {
  const found = followed(place, input)
  if (!found) return undefined
  const { source, slot, value } = found
  return source ? handedOn(source, slot) : [value]
}

/** `{ source, slot }`, `{ value }` where it is written, or `undefined` where it cannot be told. */
function followed({ node, host }, input) {
  let at = { graph: node.graph, host, id: input.link, value: written(node, input) }
  for (let step = 0; at && step < MOST_STEPS; step += 1) {
    if (at.id == null) return { value: at.value }
    const link = at.graph.getLink?.(at.id) ?? at.graph.links?.[at.id]
    if (!link) return undefined
    const origin = at.graph.getNodeById(link.origin_id)
    if (origin && runsItself(origin, link)) return { source: { node: origin, host: at.host }, slot: link.origin_slot }
    at = origin ? through(at, link, origin) : outside(at, link)
  }
  return undefined
}

function written(node, input) {
  return widgetOf(node, input.widget?.name ?? input.name)?.value
}

function runsItself(node, link) {
  const isSkipped = node.mode === MUTED || node.mode === BYPASSED
  return !isSkipped && !node.subgraph && !(node.isVirtualNode && node.getInputLink?.(link.origin_slot))
}

/** To what a node that does not run itself hands on: without a link, where it hands on nothing. */
function through(at, link, node) {
  if (node.mode === MUTED) return { ...at, id: null }
  if (node.mode === BYPASSED) return { ...at, id: passedOn(node, link.origin_slot)?.link }
  if (!node.subgraph) return { ...at, id: node.getInputLink(link.origin_slot).id }
  const id = node.subgraph.outputs[link.origin_slot]?.linkIds?.[0]
  return id == null ? undefined : { ...at, graph: node.subgraph, host: { node, host: at.host }, id }
}

/** Of the subgraph that a link begins at. */
function outside({ host }, link) {
  const input = link.origin_id === INPUTS_OF_A_SUBGRAPH ? host?.node.inputs[link.origin_slot] : undefined
  return input && { graph: host.node.graph, host: host.host, id: input.link, value: written(host.node, input) }
}

/** The input that a bypassed node hands on as this output. */
function passedOn(node, slot) {
  const { type } = node.outputs[slot]
  return [node.inputs?.[slot], ...(node.inputs ?? [])].find((each) => each && each.type === type)
}

/** What an output gives. */
function handedOn(place, slot) {
  const { node } = place
  if (WRITTEN.test(node.type)) return [node.widgets?.[0]?.value]
  const runs = runsOf(place)
  if (runs === undefined) return undefined
  if (node.comfyClass === PROMPTS) return runs === 1 ? listed(place, node.outputs[slot].name) : undefined
  if (!node.constructor.nodeData?.output_is_list?.[slot]) return Array(runs).fill(undefined)
  const takes = takesOf(place)
  return takes && Array(runs * takes).fill(undefined)
}

function listed(place, name) {
  const [text] = valuesOf(place, 'text') ?? []
  const [usual] = (name !== 'prompt' && valuesOf(place, name)) || []
  return typeof text === 'string' ? promptsOf(text)?.map((each) => each[name] ?? usual) : undefined
}

/** How many videos one run of our node makes; `undefined` where settings may ask for several in one request. */
function takesOf(place) {
  const { node } = place
  if (!isOurs(node) || node.comfyClass === COLLECTS) return undefined
  if (isLinked(node, 'settings')) return undefined
  const takes = widgetOf(node, 'takes') ? valuesOf(place, 'takes') : [1]
  return takes?.length === 1 ? takes[0] : undefined
}

/** `undefined` where the host does not say it. */
function takesLists(node) {
  return node.comfyClass === TAKES_LISTS || node.constructor.nodeData?.is_input_list
}
