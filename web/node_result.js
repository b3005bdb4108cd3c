/**
 * What a run says, on our nodes: how far it is and the picture on its way to the server, then the result's text or the
 * error's sentence. Our own element, as the page's own progress text vanishes when the run ends, and older pages write
 * it into the workflow.
 */
import { api } from '../../scripts/api.js'
import { app } from '../../scripts/app.js'
import { el } from './dom.js'
import { ourNode } from './graph.js'
import { progressLines } from './progress.js'
import { say } from './words.js'

const NAME = 'sora_video_result'
const LINE_PX = 18
const PICTURE_PX = 150
const MOST_PX = 220
const TICK_MS = 5000
const LOOK_MS = 400

const boxes = new WeakMap() // node -> Box
let refused // what the page knows of the nodes that were refused when queued
const found = new Set() // nodes whose video was there already
const waiting = new Map() // Box of a node that waits -> job id -> what was told of it last, and when

/** One element below the node's inputs; not a part of the workflow. */
class Box {
  constructor(node) {
    this.node = node
    this.picture = el('img', { alt: '', hidden: true })
    this.text = el('div', { class: 'sora-result-text', role: 'status' })
    this.element = el('div', { class: 'sora-video sora-result' }, this.picture, this.text)
    const [width, height] = node.size
    const options = { serialize: false, hideOnZoom: false, getMinHeight: () => this.height, getMaxHeight: () => this.height }
    this.widget = node.addDOMWidget(NAME, 'sora_result', this.element, options)
    this.widget.serialize = false
    node.setSize([width, height + this.height])
  }

  get height() {
    const characters = Math.max(20, this.node.size[0] / 7)
    const lines = this.text.textContent.split('\n').reduce((sum, line) => sum + Math.ceil((line.length || 1) / characters), 0)
    return Math.min(MOST_PX, (this.picture.hidden ? 0 : PICTURE_PX) + (this.text.textContent ? lines * LINE_PX : 0)) + 20
  }

  /** Without `picture` the one that is shown stays. */
  show({ picture, text = '', isError = false }) {
    if (picture === undefined && text === this.text.textContent && isError === this.isError) return
    const before = this.height
    this.isError = isError
    if (picture !== undefined) this.picture.hidden = !picture
    if (picture) this.picture.src = picture
    else if (picture === '') this.picture.removeAttribute('src')
    this.text.textContent = text
    this.text.classList.toggle('sora-is-error', isError)
    if (this.height === before) return
    const [width, height] = this.node.size
    this.node.setSize([width, Math.max(height + this.height - before, this.node.computeSize()[1])])
    this.node.setDirtyCanvas(true, true)
  }
}

function boxOf(node) {
  if (!boxes.has(node)) boxes.set(node, new Box(node))
  return boxes.get(node)
}

/** How a run of this node ended. */
function showEnd(node, shown) {
  const box = boxOf(node)
  waiting.delete(box)
  box.show({ picture: '', ...shown })
}

/** The lines of a node's `text` output. */
function textOf(output) {
  return (output?.text ?? []).filter((each) => typeof each === 'string' && each.trim()).join('\n')
}

function showOutput(executionId, output) {
  const node = ourNode(executionId)
  const text = [textOf(output), found.delete(node) && say('result.found')].filter(Boolean).join('\n')
  if (node && (text || boxes.has(node))) showEnd(node, { text })
}

function showPicture({ detail }) {
  const node = ourNode(detail.node)
  if (node) boxOf(node).show({ picture: detail.picture, text: detail.text })
}

function showProgress({ detail }) {
  const node = ourNode(detail.node)
  if (!node) return
  const box = boxOf(node)
  const jobs = waiting.get(box) ?? new Map()
  waiting.set(box, jobs)
  if (detail.job_id) jobs.delete('') // it has one now
  if (detail.stage === 'ended') jobs.delete(detail.job_id)
  else jobs.set(detail.job_id, { told: detail, at: Date.now() })
  showWaiting()
}

/** Also between two words of the server, as what is left passes. */
function showWaiting() {
  for (const [box, jobs] of waiting) {
    const told = [...jobs.values()].map(({ told, at }) => ({ told, passed: (Date.now() - at) / 1000 }))
    if (told.length) box.show({ text: progressLines(told) })
  }
}

function showError({ detail }) {
  const node = ourNode(detail.node_id)
  if (node) showEnd(node, { text: detail.exception_message.trim(), isError: true })
  stopWaiting()
}

/** Why a node was refused when it was queued: newer pages say only that it was. */
function showRefusals() {
  const errors = app.extensionManager.lastNodeErrors ?? app.lastNodeErrors // as older pages have it
  if (errors === refused) return
  refused = errors
  for (const [id, { errors }] of Object.entries(refused ?? {})) {
    const node = ourNode(id)
    const said = errors.filter((each) => each.type === 'custom_validation_failed').map((each) => each.details.replace(/^\w+ - /, ''))
    if (node && said.length) showEnd(node, { text: [...new Set(said)].join('\n'), isError: true })
  }
}

/** The graph has stopped, and with it the waiting of its other nodes: their jobs have not. */
function stopWaiting() {
  for (const box of waiting.keys()) showEnd(box.node, { text: say('progress.goes_on') })
}

export const nodeResult = {
  name: 'SoraVideo.NodeResult',
  setup() {
    api.addEventListener('sora_video.picture', showPicture)
    api.addEventListener('sora_video.progress', showProgress)
    api.addEventListener('sora_video.found', ({ detail }) => found.add(ourNode(detail.node)))
    api.addEventListener('executed', ({ detail }) => showOutput(detail.display_node ?? detail.node, detail.output))
    api.addEventListener('execution_error', showError)
    api.addEventListener('execution_interrupted', stopWaiting)
    setInterval(showWaiting, TICK_MS)
    setInterval(showRefusals, LOOK_MS)
  }
}
