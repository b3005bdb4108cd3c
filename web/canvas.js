/** What is put onto the canvas: a graph, or a node in the middle of what is seen. */
import { app } from '../../scripts/app.js'
import { forgetCosts } from './costs.js'
import { forgetOffers } from './offers.js'

export async function loadGraph({ workflow, prompt }, name) {
  if (workflow) await app.loadGraphData(workflow, true, true, name)
  else await app.loadApiJson(prompt, name)
}

/** A new node of this type with these values in its widgets. */
export function addNode(type, values) {
  const node = window.LiteGraph.createNode(type)
  const { ds, canvas, graph } = app.canvas
  const middle = [canvas.clientWidth / 2, canvas.clientHeight / 3]
  node.pos = middle.map((each, axis) => each / ds.scale - ds.offset[axis] - (axis ? 0 : node.size[0] / 2))
  graph.add(node)
  for (const [name, value] of Object.entries(values)) {
    const widget = node.widgets.find((each) => each.name === name)
    widget.value = value
    widget.callback?.(value)
  }
  app.canvas.selectNode(node)
  return node
}

/** Has the nodes' lists of choices read anew, as pressing R does. */
export async function refreshChoices() {
  forgetOffers()
  forgetCosts()
  await app.refreshComboInNodes()
}
