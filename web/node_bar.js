/**
 * A row at the end of our nodes: model and length as lists of what the profile has, and what is rarely used behind a
 * button. The inputs themselves stay what they are: what the row shows is read from them and written into them.
 */
import { costLine, graphCost, isPriced } from './costs.js'
import { ask } from './dialogs.js'
import { el, write } from './dom.js'
import { isApp, isOurs, profileBehind } from './graph.js'
import { Room } from './node_room.js'
import { loraOffers, offers } from './offers.js'
import { choice, say } from './words.js'

const ROW_PX = 28
const MARGIN_PX = 20 // that the page leaves around an element
const LOOK_MS = 400
const OTHER = '\u0000other' // no model is called this
const USUAL_SECONDS = [2, 3, 4, 5, 6, 8, 10, 12, 15, 16, 20, 25, 30, 40, 60]
const VIDEO = /sora|veo|wan|video|kling|hailuo|hunyuan|ltx|seedance|runway|vidu|luma|ray-?\d|pika|cogvid|i2v|t2v/i
const LISTED = ['model', 'seconds']
const LORA = 'lora' // a text with one a line, which stays; the list adds to it
const OF_SHOTS = 'SoraVideo_Storyboard' // whose length is that of its shots
const RARE = new Map() // node type -> names of its inputs that are rarely used

const bars = new Set()
let lookedAtApp = false

class Bar {
  constructor(node) {
    this.node = node
    this.lists = {}
    this.hidden = new Set() // names; the newest page says of a linked input's widget that it is hidden, whoever hides it
    this.room = new Room(node)
    for (const name of [...LISTED, LORA]) if (this.isListed(name)) this.lists[name] = this.list(name)
    this.more = el('button', { type: 'button', class: 'sora-button', onclick: () => this.toggle() })
    this.cost = el('output', { class: 'sora-hint', hidden: !isPriced(node) })
    const rows = [el('div', { class: 'sora-bar-row' }, Object.values(this.lists), this.more), this.cost]
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

  isListed(name) {
    if (name === LORA) return this.widget(LORA)
    return this.widget('profile') && this.widget(name) && !(name === 'seconds' && this.node.comfyClass === OF_SHOTS)
  }

  /** Behind the button: what is rarely used, and what the row shows already. */
  get rare() {
    const shown = this.widget('profile') ? LISTED : []
    return [...(RARE.get(this.node.comfyClass) ?? []), ...shown]
  }

  widget(name) {
    return this.node.widgets?.find((each) => each.name === name)
  }

  /** Whether an input gets its value over a link. */
  isLinked(name) {
    return this.node.inputs?.find((each) => each.widget?.name === name)?.link != null
  }

  list(name) {
    const label = say(`bar.${name}`)
    return el('select', { class: 'sora-input', 'aria-label': label, title: label, hidden: name === LORA, onchange: ({ target }) => this.choose(name, target.value) })
  }

  /**
   * On the canvas, which leaves room for what is advanced as if it were shown. The newer renderer hides it itself, and
   * has a button of its own for it; an app shows what it asks for. Never what is linked. Whether anything has changed.
   */
  hide() {
    const isCanvas = !window.LiteGraph.vueNodesMode && !isApp()
    const widgets = this.rare.map((name) => this.widget(name)).filter(Boolean)
    const hidden = new Set(isCanvas && !this.node.showAdvanced ? widgets.map((each) => each.name).filter((name) => !this.isLinked(name)) : [])
    const changed = widgets.filter((each) => hidden.has(each.name) !== this.hidden.has(each.name))
    for (const widget of changed) widget.hidden = hidden.has(widget.name)
    this.hidden = hidden
    this.more.hidden = !isCanvas || !widgets.length
    return changed.length > 0
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
  async look(graph) {
    if (this.hide()) this.node.setDirtyCanvas(true, true)
    this.showMore()
    if (isPriced(this.node)) write(this.cost, await costLine(this.node, graph))
    const names = Object.keys(this.lists)
    if (!names.length) return
    const profile = this.widget('profile')?.value ?? profileBehind(this.node)
    const seen = JSON.stringify([profile, ...names.map((name) => [this.widget(name).value, this.isLinked(name)])])
    if (seen === this.seen) return
    this.seen = seen
    const found = this.lists[LORA] ? { loras: await loraOffers(profile) } : await offers(profile).catch(() => ({ models: [] }))
    if (seen === this.seen) for (const name of names) this.fill(name, found)
  }

  fill(name, found) {
    const list = this.lists[name]
    const value = String(this.widget(name).value ?? '')
    if (name === LORA) return this.fillLoras(list, found.loras, value)
    const choices = name === 'model' ? modelChoices(found, value) : secondsChoices(found, value, this.node.comfyClass)
    list.replaceChildren(...choices)
    list.value = value
    list.hidden = this.isLinked(name)
  }

  /** What the server lists and the text has not yet. */
  fillLoras(list, loras, value) {
    const named = value.split('\n').map((line) => line.trim().replace(/:-?[\d.]+$/, ''))
    const left = loras.filter((each) => !named.includes(each))
    list.replaceChildren(option('', say('bar.lora_add')), ...left.map((each) => option(each)))
    list.hidden = !left.length || this.isLinked(LORA)
  }

  async choose(name, value) {
    const widget = this.widget(name)
    if (name === LORA) value = [widget.value.trimEnd(), value].filter(Boolean).join('\n')
    const wanted = value === OTHER ? await written(name, widget.value) : value
    this.seen = undefined
    if (wanted === undefined) return
    widget.value = name === 'seconds' ? Number(wanted) : wanted
    widget.callback?.(widget.value)
    this.node.graph?.change?.()
  }
}

function option(value, label = value) {
  return el('option', { value }, label)
}

function modelChoices({ models, model }, value) {
  const own = model ? say('bar.model_own', { model }) : say('bar.model_default')
  const known = models.includes(value) || !value ? models : [value, ...models]
  const likely = known.filter((each) => VIDEO.test(each))
  const others = known.filter((each) => !VIDEO.test(each))
  const groups = likely.length && others.length ? [...likely.map((each) => option(each)), el('optgroup', { label: say('bar.model_others') }, others.map((each) => option(each)))] : known.map((each) => option(each))
  return [option('', own), ...groups, option(OTHER, say('bar.other'))]
}

function secondsChoices({ seconds }, value, type) {
  const { among, least = 1, most = 600, default: usual } = seconds ?? {}
  const made = among ?? USUAL_SECONDS.filter((each) => each >= least && each <= most)
  const known = [...new Set([...made, Number(value)])].filter(Boolean).sort((one, other) => one - other)
  const none = type === 'SoraVideo_Remix' ? say('bar.seconds_source') : usual ? say('bar.seconds_own', { seconds: usual }) : say('bar.seconds_default')
  return [option('0', none), ...known.map((each) => option(String(each), say('jobs.seconds', { seconds: each }))), option(OTHER, say('bar.other'))]
}

/** What is on no list, as the user writes it; `undefined` when it is left. */
async function written(name, value) {
  const field = el('input', { class: 'sora-input', 'aria-label': say(`bar.${name}`), value: value || '', ...(name === 'seconds' ? { type: 'number', min: 1, max: 600 } : {}) })
  const buttons = [{ label: say('no') }, { label: say('bar.take'), value: true, kind: 'sora-primary' }]
  const taken = await ask(say(`bar.${name}`), field, buttons)
  return taken && field.checkValidity() ? field.value.trim() : undefined
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
  if (isApp() !== lookedAtApp) {
    lookedAtApp = isApp()
    for (const bar of bars) bar.hide() // those of an app are not on the page
  }
  const shown = [...bars].filter((bar) => bar.element.isConnected)
  const graph = shown.length ? graphCost() : ''
  for (const bar of shown) {
    bar.look(graph)
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
