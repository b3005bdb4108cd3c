/**
 * Widgets whose choices the server lists. Each has an entry here, and a list in the row of its node that is read from
 * the widget and written into it:
 *
 *   stands    whether the list stands for the widget, which is behind the button then; otherwise it adds to what it says
 *   isOn      whether a node's widget of that name is meant
 *   offered   what the server of a profile has; a promise that does not fail
 *   choices   the options, for that and for what the widget says; without any, the list is hidden
 *   taken     what the widget says after a choice, may be a promise; undefined: what it said
 */
import { ask } from './dialogs.js'
import { el } from './dom.js'
import { isLinked, widgetOf } from './graph.js'
import { loraOffers, offers } from './offers.js'
import { say } from './words.js'

const OTHER = '\u0000other' // no model is called this
const USUAL_SECONDS = [2, 3, 4, 5, 6, 8, 10, 12, 15, 16, 20, 25, 30, 40, 60]
const VIDEO = /sora|veo|wan|video|kling|hailuo|hunyuan|ltx|seedance|runway|vidu|luma|ray-?\d|pika|cogvid|i2v|t2v/i
const OF_SHOTS = 'SoraVideo_Storyboard' // whose length is that of its shots

const LISTED = {
  model: {
    stands: true,
    isOn: hasProfile,
    offered: ofProfile,
    choices: modelChoices,
    taken: (value, said) => (value === OTHER ? written('model', said) : value)
  },
  seconds: {
    stands: true,
    isOn: (node) => hasProfile(node) && node.comfyClass !== OF_SHOTS,
    offered: ofProfile,
    choices: secondsChoices,
    taken: async (value, said) => numberOf(value === OTHER ? await written('seconds', said, { type: 'number', min: 1, max: 600 }) : value)
  },
  lora: {
    stands: false, // it is a text with one a line
    isOn: () => true,
    offered: loraOffers,
    choices: loraChoices,
    taken: (value, said) => [said.trimEnd(), value].filter(Boolean).join('\n')
  }
}

/** The list of one widget. `onTaken` is called when a choice was made. */
class List {
  constructor(node, name, onTaken) {
    Object.assign(this, LISTED[name], { node, name, onTaken })
    const label = say(`bar.${name}`)
    this.element = el('select', { class: 'sora-input', 'aria-label': label, title: label, hidden: !this.stands, onchange: () => this.choose() })
  }

  get widget() {
    return widgetOf(this.node, this.name)
  }

  get isLinked() {
    return isLinked(this.node, this.name)
  }

  /** What it was filled for, but for the profile. */
  get seen() {
    return [this.widget.value, this.isLinked]
  }

  fill(found) {
    const value = String(this.widget.value ?? '')
    const choices = this.choices(found, value, this.node.comfyClass)
    this.element.replaceChildren(...choices)
    this.element.value = this.stands ? value : ''
    this.element.hidden = !choices.length || this.isLinked
  }

  async choose() {
    const { widget } = this
    const taken = await this.taken(this.element.value, widget.value)
    this.onTaken()
    if (taken === undefined) return
    widget.value = taken
    widget.callback?.(taken)
    this.node.graph?.change?.()
  }
}

/** Those that a node has. */
export function listsOf(node, onTaken) {
  const names = Object.keys(LISTED).filter((name) => widgetOf(node, name) && LISTED[name].isOn(node))
  return names.map((name) => new List(node, name, onTaken))
}

/** Names of the node's inputs that a list may stand for, whether it does or not. */
export function namesListedFor(node) {
  return hasProfile(node) ? Object.keys(LISTED).filter((name) => LISTED[name].stands) : []
}

function hasProfile(node) {
  return Boolean(widgetOf(node, 'profile'))
}

async function ofProfile(profile) {
  return offers(profile).catch(() => ({ models: [] }))
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

/** What the server lists and the text has not yet. */
function loraChoices(loras, value) {
  const named = value.split('\n').map((line) => line.trim().replace(/:-?[\d.]+$/, ''))
  const left = loras.filter((each) => !named.includes(each))
  return left.length ? [option('', say('bar.lora_add')), ...left.map((each) => option(each))] : []
}

function numberOf(text) {
  return text === undefined ? undefined : Number(text)
}

/** What is on no list, as the user writes it; `undefined` when it is left. */
async function written(name, value, kind = {}) {
  const field = el('input', { class: 'sora-input', 'aria-label': say(`bar.${name}`), value: value || '', ...kind })
  const buttons = [{ label: say('no') }, { label: say('bar.take'), value: true, kind: 'sora-primary' }]
  const taken = await ask(say(`bar.${name}`), field, buttons)
  return taken && field.checkValidity() ? field.value.trim() : undefined
}
