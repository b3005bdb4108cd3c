/**
 * The page draws a node's preview picture over the clip that follows it, and keeps doing so: here the picture of
 * Sora Image to Video steps aside when its clip is there. Without this file the node shows the picture alone.
 */
import { api } from '../../scripts/api.js'
import { app } from '../../scripts/app.js'

const PICTURE_WIDGETS = ['$$canvas-image-preview', '$$comfy_animation_preview']

/** The node of an execution id such as `7` or, inside of a subgraph, `3:7`; only if it is ours. */
function ours(executionId) {
  let graph = app.rootGraph ?? app.graph
  let node
  for (const part of String(executionId).split(':')) {
    node = graph?.getNodeById(part)
    graph = node?.subgraph
  }
  return node?.type.startsWith('SoraVideo_') ? node : undefined
}

/** How the page names the node where it keeps pictures and outputs. */
function locator(node) {
  return node.graph === (app.rootGraph ?? app.graph) ? String(node.id) : `${node.graph.id}:${node.id}`
}

function dropPicture(node) {
  delete app.nodePreviewImages[locator(node)]
  node.imgs = node.preview = undefined
  for (const widget of (node.widgets ?? []).filter((each) => PICTURE_WIDGETS.includes(each.name))) {
    widget.onRemove?.()
    node.widgets.splice(node.widgets.indexOf(widget), 1)
  }
}

app.registerExtension({
  name: 'SoraVideo.PictureBeforeClip',
  setup() {
    api.addEventListener('b_preview_with_metadata', ({ detail }) => {
      const node = ours(detail.displayNodeId)
      // with the clip of an earlier run in its outputs, the page would take the picture for an animation
      if (node) delete app.nodeOutputs[locator(node)]
    })
    api.addEventListener('executed', ({ detail }) => {
      const node = detail.output?.animated && ours(detail.display_node ?? detail.node)
      if (node) dropPicture(node)
    })
  }
})
