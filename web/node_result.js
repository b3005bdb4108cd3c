/**
 * What a run says, on our nodes: the picture on its way to the server, then the result's text or the error's sentence.
 *
 * It comes with the outputs, so it stays when the page takes the progress away at the end of the run.
 */
import { api } from '../../scripts/api.js'
import { el } from './dom.js'
import { ourNode } from './graph.js'

const NAME = 'sora_video_result'
const LINE_PX = 18
const PICTURE_PX = 150
const MOST_PX = 220

const boxes = new WeakMap() // node -> Box

/** One element below the node's inputs; not a part of the workflow. */
class Box {
  constructor(node) {
    this.node = node
    this.picture = el('img', { alt: '', hidden: true })
    this.text = el('div', { class: 'sora-result-text', role: 'status' })
    this.element = el('div', { class: 'sora-video sora-result' }, this.picture, this.text)
    const options = { serialize: false, hideOnZoom: false, getMinHeight: () => this.height, getMaxHeight: () => this.height }
    this.widget = node.addDOMWidget(NAME, 'sora_result', this.element, options)
    this.widget.serialize = false
  }

  get height() {
    const characters = Math.max(20, this.node.size[0] / 7)
    const lines = this.text.textContent.split('\n').reduce((sum, line) => sum + Math.ceil((line.length || 1) / characters), 0)
    return Math.min(MOST_PX, (this.picture.hidden ? 0 : PICTURE_PX) + (this.text.textContent ? lines * LINE_PX : 0)) + 20
  }

  show({ picture = '', text = '', isError = false }) {
    const before = this.height
    this.picture.hidden = !picture
    if (picture) this.picture.src = picture
    else this.picture.removeAttribute('src')
    this.text.textContent = text
    this.text.classList.toggle('sora-is-error', isError)
    const [width, height] = this.node.size
    this.node.setSize([width, Math.max(height + this.height - before, this.node.computeSize()[1])])
    this.node.setDirtyCanvas(true, true)
  }
}

function show(node, shown) {
  if (!boxes.has(node)) boxes.set(node, new Box(node))
  boxes.get(node).show(shown)
}

/** The lines of a node's `text` output. */
function textOf(output) {
  return (output?.text ?? []).filter((each) => typeof each === 'string' && each.trim()).join('\n')
}

function showOutput(executionId, output) {
  const node = ourNode(executionId)
  const text = textOf(output)
  if (node && (text || boxes.has(node))) show(node, { text })
}

function showPicture({ detail }) {
  const node = ourNode(detail.node)
  if (node) show(node, { picture: detail.picture, text: detail.text })
}

function showError({ detail }) {
  const node = ourNode(detail.node_id)
  if (node) show(node, { text: detail.exception_message.trim(), isError: true })
}

export const nodeResult = {
  name: 'SoraVideo.NodeResult',
  setup() {
    api.addEventListener('sora_video.picture', showPicture)
    api.addEventListener('executed', ({ detail }) => showOutput(detail.display_node ?? detail.node, detail.output))
    api.addEventListener('execution_error', showError)
  }
}
