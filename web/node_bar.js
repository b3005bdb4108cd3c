/**
 * A row at the end of our nodes: model and length as lists of what the profile has, and what is rarely used behind a
 * button. The inputs themselves stay what they are: what the row shows is read from them and written into them.
 */
import { costLine, graphCost, isPriced, pricedPlaces } from './costs.js'
import { el, write } from './dom.js'
import { isApp, isLinked, isOurs, profileBehind, widgetOf } from './graph.js'
import { listsOf, namesListedFor } from './listed.js'
import { Room } from './node_room.js'
import { choice, say } from './words.js'

const ROW_PX = 28
const MARGIN_PX = 20 // that the page leaves around an element
const LOOK_MS = 400
const RARE = new Map() // node type -> names of its inputs that are rarely used

const bars = new Set()

class Bar {
  constructor(node) {
    this.node = node
    this.lists = listsOf(node, () => (this.seen = undefined))
    this.isInApp = false
    this.hidden = new Set() // names; the newest page says of a linked input's widget that it is hidden, whoever hides it
    this.room = new Room(node)
    this.more = el('button', { type: 'button', class: 'sora-button', onclick: () => this.toggle() })
    this.cost = el('output', { class: 'sora-hint', hidden: !isPriced(node) })
    const rows = [el('div', { class: 'sora-bar-row' }, this.lists.map((each) => each.element), this.more), this.cost]
    this.element = el('div', { class: 'sora-video sora-bar', role: 'group', 'aria-label': say('bar.title') }, rows)
    // the canvas must not take what is pressed here for its own
    for (const event of ['pointerdown', 'keydown']) this.element.addEventListener(event, (each) => each.stopPropagation())
    const height = (isPriced(node) ? 2 : 1) * ROW_PX + MARGIN_PX
    const options = { serialize: false, hideOnZoom: false, getMinHeight: () => height, getMaxHeight: () => height }
    node.addDOMWidget('sora_video_bar', 'sora_bar', this.element, options).serialize = false
    const onRemoved = node.onRemoved
    node.onRemoved = function (...args) {
      bars.delete(node.soraBar)
      return onRemoved?.apply(this, args)
    }
    node.soraBar = this
    bars.add(this)
    for (const name of this.rare) if (this.widget(name)) this.widget(name).options.advanced = true
    this.hide()
    this.room.fit()
  }

  /** Behind the button: what is rarely used, and what the row shows already. */
  get rare() {
    return [...(RARE.get(this.node.comfyClass) ?? []), ...namesListedFor(this.node)]
  }

  widget(name) {
    return widgetOf(this.node, name)
  }

  /**
   * On the canvas, which leaves room for what is advanced as if it were shown. The newer renderer hides it itself, and
   * has a button of its own for it; an app shows what it asks for. Never what is linked. Whether anything has changed.
   */
  hide() {
    const isCanvas = !window.LiteGraph.vueNodesMode && !isApp()
    const widgets = this.rare.map((name) => this.widget(name)).filter(Boolean)
    const hidden = new Set(isCanvas && !this.node.showAdvanced ? widgets.map((each) => each.name).filter((name) => !isLinked(this.node, name)) : [])
    const changed = widgets.filter((each) => hidden.has(each.name) !== this.hidden.has(each.name))
    for (const widget of changed) widget.hidden = hidden.has(widget.name)
    this.hidden = hidden
    this.more.hidden = !isCanvas || !widgets.length
    return changed.length > 0
  }

  /** An app has fields for what it asks for, rarely used or not. */
  showAsApp(isInApp) {
    if (isInApp) this.wasAdvanced = Boolean(this.node.showAdvanced)
    this.node.showAdvanced = isInApp || this.wasAdvanced
    this.isInApp = isInApp
    this.hide()
    // has the page look again
    this.node.graph?.trigger?.('node:slot-label:changed', { nodeId: this.node.id, slotType: window.LiteGraph.INPUT })
  }

  toggle() {
    this.node.showAdvanced = !this.node.showAdvanced
    this.hide()
    this.room.fit()
    this.showMore()
  }

  showMore() {
    const count = this.rare.filter((name) => this.widget(name)).length
    write(this.more, say(this.node.showAdvanced ? 'bar.less' : 'bar.more', { count }))
    this.more.ariaExpanded = String(Boolean(this.node.showAdvanced))
  }

  /** What was changed elsewhere: typed, loaded, linked, or another profile. */
  async look(places, graph) {
    if (this.hide()) this.node.setDirtyCanvas(true, true)
    this.showMore()
    if (isPriced(this.node)) write(this.cost, await costLine(this.node, places, graph))
    if (!this.lists.length) return
    const profile = this.widget('profile')?.value ?? profileBehind(this.node)
    const seen = JSON.stringify([profile, ...this.lists.map((each) => each.seen)])
    if (seen === this.seen) return
    this.seen = seen
    const found = await Promise.all(this.lists.map((each) => each.offered(profile)))
    if (seen === this.seen) this.lists.forEach((each, number) => each.fill(found[number]))
  }
}

/** Combo values in the page's words; what is queued and saved stays as it is. */
function labelChoices(node) {
  for (const widget of node.widgets ?? []) {
    if (widget.type === 'combo') widget.options.getOptionLabel = (value) => choice(node.comfyClass, widget.name, value)
  }
}

/** The sockets of a storyboard count from one, as its messages do. */
function labelShots(node) {
  for (const input of node.inputs ?? []) {
    const number = /^shots\.shot(\d+)$/.exec(input.name)?.[1]
    const label = number === undefined ? input.label : say('bar.shot', { number: Number(number) + 1 })
    if (input.label === label) continue
    input.label = label
    node.graph?.trigger?.('node:slot-label:changed', { nodeId: node.id, slotType: window.LiteGraph.INPUT })
  }
}

function look() {
  const isInApp = isApp()
  for (const bar of bars) if (bar.isInApp !== isInApp) bar.showAsApp(isInApp)
  const shown = [...bars].filter((bar) => bar.element.isConnected)
  const places = shown.length ? pricedPlaces() : []
  const graph = graphCost(places)
  for (const bar of shown) {
    bar.look(places, graph)
    bar.room.look()
    labelShots(bar.node)
  }
}

export const nodeBar = {
  name: 'SoraVideo.NodeBar',
  setup() {
    setInterval(look, LOOK_MS)
  },
  beforeRegisterNodeDef(nodeType, nodeData) {
    const inputs = { ...nodeData.input?.required, ...nodeData.input?.optional }
    RARE.set(nodeData.name, Object.keys(inputs).filter((name) => inputs[name][1]?.advanced))
  },
  nodeCreated(node) {
    if (!isOurs(node)) return
    labelChoices(node)
    if (node.widgets?.some((each) => RARE.get(node.comfyClass)?.includes(each.name))) new Bar(node)
  }
}
