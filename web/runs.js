/**
 * How often a node will run and with which values, as far as the graph says it: a list that comes over a link runs what
 * is behind it once for each of its values.
 *
 * A place is a node and the place of the subgraph that it lies in. A list of values holds `undefined` for a value that
 * is not known before the run, and is itself `undefined` where not even their number is.
 */
import { isOurs } from './graph.js'
import { promptsOf } from './prompt_lines.js'

const [MUTED, BYPASSED] = [2, 4] // modes of a node
const INPUTS_OF_A_SUBGRAPH = -10 // the number of what stands for them inside of it
const MOST_STEPS = 100 // a link can lead in a circle
const PROMPTS = 'SoraVideo_Prompts'
const COLLECTS = 'SoraVideo_ResumeJob' // only the ledger knows how many videos its job made
const TAKES_LISTS = 'SoraVideo_JoinClips' // hosts before 0.33 do not tell it of a node
const WRITTEN = /^Primitive(?:Node|Int|Float|String|StringMultiline|Boolean)$/

/** How often the node runs, or `undefined`. */
export function runsOf(place, steps = 0) {
  const { node } = place
  if (takesLists(node)) return 1
  if (steps > MOST_STEPS) return undefined
  const lengths = (node.inputs ?? []).filter((each) => each.link != null).map((each) => given(place, each, steps)?.length)
  if (lengths.includes(undefined)) return undefined
  const runs = Math.max(1, ...lengths)
  return runs > 1 && takesLists(node) === undefined && !isOurs(node) ? undefined : runs
}

/** The values of an input, one where it is written on the node itself. */
export function valuesOf(place, name) {
  const input = place.node.inputs?.find((each) => each.name === name || each.widget?.name === name)
  return given(place, input, 0)
}

/** The place of the node that an input gets its value from, through subgraphs, reroutes and what is bypassed. */
export function sourceOf(place, input) {
  return followed(place, input)?.source
}

function given(place, input, steps) {
  const found = followed(place, input)
  if (!found) return undefined
  const { source, slot, value } = found
  return source ? handedOn(source, slot, steps + 1) : [value]
}

/** `{ source, slot }`, `{ value }` where it is written, or `undefined` where it cannot be told. */
function followed({ node, host }, input) {
  let graph = node.graph
  let id = input?.link
  let value = node.widgets?.find((each) => each.name === (input?.widget?.name ?? input?.name))?.value
  for (let step = 0; step < MOST_STEPS; step += 1) {
    if (id == null) return { value }
    const link = graph.getLink?.(id) ?? graph.links?.[id]
    if (!link) return undefined
    if (link.origin_id === INPUTS_OF_A_SUBGRAPH) {
      const outer = host?.node.inputs[link.origin_slot]
      if (!outer) return undefined
      value = host.node.widgets?.find((each) => each.name === (outer.widget?.name ?? outer.name))?.value
      id = outer.link
      ;({ graph } = host.node)
      host = host.host
      continue
    }
    const origin = graph.getNodeById(link.origin_id)
    if (!origin) return undefined
    if (origin.mode === MUTED) return { value }
    if (origin.subgraph && origin.mode !== BYPASSED) {
      host = { node: origin, host }
      graph = origin.subgraph
      id = graph.outputs[link.origin_slot]?.linkIds?.[0]
      if (id == null) return undefined
      continue
    }
    const before = origin.mode === BYPASSED ? passedOn(origin, link.origin_slot) : undefined
    const virtual = origin.isVirtualNode ? origin.getInputLink?.(link.origin_slot) : undefined
    if (!before && !virtual) return origin.mode === BYPASSED ? { value } : { source: { node: origin, host }, slot: link.origin_slot }
    id = virtual ? virtual.id : before.link
  }
  return undefined
}

/** The input that a bypassed node hands on as this output. */
function passedOn(node, slot) {
  const { type } = node.outputs[slot]
  return [node.inputs?.[slot], ...(node.inputs ?? [])].find((each) => each && each.type === type)
}

/** What an output gives. */
function handedOn(place, slot, steps) {
  const { node } = place
  if (WRITTEN.test(node.type)) return [node.widgets?.[0]?.value]
  const runs = runsOf(place, steps)
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
  if (node.inputs?.find((each) => each.name === 'settings')?.link != null) return undefined
  const takes = node.widgets?.some((each) => each.name === 'takes') ? valuesOf(place, 'takes') : [1]
  return takes?.length === 1 ? takes[0] : undefined
}

/** `undefined` where the host does not say it. */
function takesLists(node) {
  return node.comfyClass === TAKES_LISTS || node.constructor.nodeData?.is_input_list
}
