/** Our nodes on the page, found by the names that the server gives them. */
import { app } from '../../scripts/app.js'

export const PREFIX = 'SoraVideo_'

/** The node of an execution id such as `7` or, inside of a subgraph, `3:7`; only if it is ours. */
export function ourNode(executionId) {
  let graph = app.rootGraph ?? app.graph
  let node
  for (const part of String(executionId).split(':')) {
    node = graph?.getNodeById(part) ?? graph?.getNodeById(Number(part))
    graph = node?.subgraph
  }
  return isOurs(node) ? node : undefined
}

export function isOurs(node) {
  return Boolean(node?.comfyClass?.startsWith(PREFIX))
}

/** Whether the page shows the workflow as an app, or how one is built of it, in place of its graph. */
export function isApp() {
  const workflow = app.extensionManager?.workflow?.activeWorkflow
  return (workflow?.activeMode ?? workflow?.initialMode ?? 'graph') !== 'graph'
}

export function widgetOf(node, name) {
  return node.widgets?.find((each) => each.name === name)
}

/** The input of that name, or of the widget of that name. */
export function inputOf(node, name) {
  return node.inputs?.find((each) => each.name === name || each.widget?.name === name)
}

/** Whether an input gets its value over a link. */
export function isLinked(node, name) {
  return inputOf(node, name)?.link != null
}

/** The profile of the first node that makes something of what this one gives, over others of its kind; "" for none. */
export function profileBehind(node, seen = new Set()) {
  if (seen.has(node)) return ''
  seen.add(node)
  for (const output of node.outputs ?? []) {
    for (const id of output.links ?? []) {
      const link = node.graph?.getLink?.(id) ?? node.graph?.links?.[id]
      const next = link && node.graph.getNodeById(link.target_id)
      if (!isOurs(next)) continue
      const found = widgetOf(next, 'profile')?.value || profileBehind(next, seen)
      if (found) return found
    }
  }
  return ''
}
