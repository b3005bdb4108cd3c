/**
 * The shots of Sora Storyboard as blocks. The script's text stays the truth: blocks are read from it, and every change
 * is written into it. Where it cannot be read, the blocks say why and touch nothing.
 */
import { api } from '../../scripts/api.js'
import { post } from './api.js'
import { el } from './dom.js'
import { ourNode } from './graph.js'
import { told } from './notices.js'
import { format, parse, shotOf, split, withSeconds, withText } from './script.js'
import { picturesOf } from './shot_pictures.js'
import { say } from './words.js'

const TYPE = 'SoraVideo_Storyboard'
const LOOK_MS = 250
const HEIGHT_PX = 250
const STEP_SECONDS = 0.5
const MOST_UNDO = 100

class Timeline {
  constructor(node) {
    this.node = node
    this.seen = undefined // script and profile as they were last drawn
    this.board = undefined
    this.selected = 0
    this.undone = []
    this.pictures = new Map() // what a shot shows -> its picture in the last result
    this.strip = el('div', { class: 'sora-strip', role: 'listbox', 'aria-orientation': 'horizontal', 'aria-label': say('timeline.shots') })
    this.total = el('output', { class: 'sora-total', 'aria-live': 'polite' })
    this.problem = el('p', { class: 'sora-is-error', role: 'status', hidden: true })
    this.seconds = el('input', { type: 'number', class: 'sora-input', min: 0.1, max: 3600, step: 0.1, 'aria-label': say('timeline.seconds'), onchange: () => this.setSeconds(Number(this.seconds.value)) })
    this.text = el('textarea', { class: 'sora-input', rows: 2, 'aria-label': say('timeline.text'), onchange: () => this.setText(this.text.value) })
    this.buttons = this.toolbar()
    this.editor = el('div', { class: 'sora-shot-editor' }, this.seconds, this.text)
    this.element = el('div', { class: 'sora-video sora-timeline', role: 'group', 'aria-label': say('timeline.title') }, this.strip, this.buttons, this.editor, this.problem)
    // the canvas must not take what is typed and dragged here for its own
    for (const event of ['keydown', 'keyup', 'pointerdown', 'paste', 'copy', 'cut']) this.element.addEventListener(event, (each) => each.stopPropagation())
    this.strip.addEventListener('keydown', (event) => this.onKey(event))
    node.addDOMWidget('sora_timeline', 'sora_timeline', this.element, { serialize: false, hideOnZoom: false, getMinHeight: () => HEIGHT_PX, getMaxHeight: () => HEIGHT_PX }).serialize = false
    this.timer = setInterval(() => this.look(), LOOK_MS)
    const onRemoved = node.onRemoved
    node.onRemoved = function (...args) {
      clearInterval(this.soraTimeline?.timer)
      return onRemoved?.apply(this, args)
    }
    node.soraTimeline = this
  }

  toolbar() {
    const actions = { add: () => this.add(), split: () => this.split(), duplicate: () => this.duplicate(), left: () => this.move(-1), right: () => this.move(1), delete: () => this.delete(), undo: () => this.undo() }
    const buttons = Object.entries(actions).map(([name, work]) =>
      el('button', { type: 'button', class: 'sora-button', 'data-do': name, onclick: work }, say(`timeline.do.${name}`))
    )
    return el('div', { class: 'sora-row', role: 'toolbar', 'aria-label': say('timeline.tools') }, buttons, this.total)
  }

  widget(name) {
    return this.node.widgets.find((each) => each.name === name)
  }

  /** Whether the script is typed here, and not given by a link. */
  get isWritten() {
    return this.node.inputs?.find((each) => each.widget?.name === 'script')?.link == null
  }

  /** Draws what was changed elsewhere: typed, undone, loaded, or another profile. */
  look() {
    if (!this.element.isConnected || this.dragging) return
    const seen = JSON.stringify([this.widget('script').value, this.widget('profile').value, this.isWritten])
    if (seen === this.seen) return
    this.seen = seen
    this.makeRoom()
    this.draw()
  }

  /** Older pages give the node no more room for what comes after its own inputs. */
  makeRoom() {
    const [width, height] = this.node.size
    const needed = this.node.computeSize()[1]
    if (height >= needed) return
    this.node.setSize([width, needed])
    this.node.setDirtyCanvas(true, true)
  }

  draw() {
    const script = String(this.widget('script').value ?? '')
    this.board = this.isWritten ? parse(script) : undefined
    this.showBlocks()
    this.problem.hidden = Boolean(this.board)
    if (!this.isWritten) this.problem.textContent = say('timeline.linked')
    else if (!this.board) this.problem.textContent = say('timeline.unreadable')
    this.check(script)
  }

  /** The node's own reading decides: where it reads other shots than these, nothing is changed by blocks. */
  async check(script) {
    if (!this.isWritten) return
    const profile = this.widget('profile').value
    let found
    if (!(await told(async () => (found = await post('/storyboard/check', { script, profile }))))) return
    if (script !== this.widget('script').value) return
    if (found.problem) return this.refuse(found.problem.split('\n')[0])
    const same = this.board && JSON.stringify(found.shots) === JSON.stringify(this.board.shots.map(({ text, seconds }) => ({ text, seconds })))
    if (this.board && !same) this.refuse(say('timeline.unreadable'))
    this.showTotal(found)
  }

  refuse(message) {
    this.board = undefined
    this.showBlocks()
    this.problem.textContent = message
    this.problem.hidden = false
    this.total.textContent = ''
  }

  showBlocks() {
    const shots = this.board?.shots ?? []
    this.selected = Math.min(this.selected, Math.max(0, shots.length - 1))
    this.strip.replaceChildren(...shots.map((shot, at) => this.block(shot, at)))
    const shot = shots[this.selected]
    this.editor.hidden = !shot
    if (shot && document.activeElement !== this.text) this.text.value = shot.text
    if (shot && document.activeElement !== this.seconds) this.seconds.value = shot.seconds
    for (const button of this.buttons.querySelectorAll('button')) button.disabled = !this.can(button.dataset.do)
  }

  can(action) {
    const count = this.board?.shots.length
    if (!this.board) return false
    if (action === 'add') return true
    if (action === 'undo') return this.undone.length > 0
    if (action === 'left') return this.selected > 0
    if (action === 'right') return this.selected < count - 1
    return count > 0
  }

  block({ seconds, text }, at) {
    const isSelected = at === this.selected
    const edge = el('span', { class: 'sora-edge', 'aria-hidden': 'true', onpointerdown: (event) => this.resize(event, at) })
    const label = say('timeline.shot', { number: at + 1, seconds, text })
    const picture = this.pictures.get(text)
    return el(
      'div',
      {
        class: 'sora-block',
        role: 'option',
        tabindex: isSelected ? 0 : -1,
        'aria-selected': String(isSelected),
        title: label,
        style: `flex-grow: ${seconds}; ${picture ? `--sora-picture: url("${picture}")` : ''}`,
        'data-picture': picture ? '' : null,
        onpointerdown: (event) => this.drag(event, at),
        onfocus: () => this.select(at)
      },
      el('b', {}, `${at + 1} · ${seconds}s`),
      el('span', {}, text),
      edge
    )
  }

  select(at) {
    if (at === this.selected) return
    this.selected = at
    this.strip.querySelectorAll('.sora-block').forEach((block, each) => {
      block.tabIndex = each === at ? 0 : -1
      block.ariaSelected = String(each === at)
    })
    const shot = this.board.shots[at]
    this.text.value = shot.text
    this.seconds.value = shot.seconds
    for (const button of this.buttons.querySelectorAll('button')) button.disabled = !this.can(button.dataset.do)
  }

  /** What a run has made: each block shows its own part of it for as long as it says the same. */
  async showResult(clip) {
    const shots = this.isWritten ? parse(String(this.widget('script').value ?? ''))?.shots : undefined
    if (!shots?.length) return
    const pictures = await picturesOf(clip, shots.map((each) => each.seconds))
    this.pictures = new Map(pictures.map((picture, at) => [shots[at].text, picture]))
    this.showBlocks()
  }

  showTotal({ seconds, allowed }) {
    const length = +seconds.toFixed(1)
    const fits = !allowed || (allowed.storyboards && isAllowed(length, allowed.seconds))
    this.total.classList.toggle('sora-is-error', !fits && this.board?.shots.length > 0)
    const bounds = allowed ? (allowed.storyboards ? boundsOf(allowed.seconds) : say('timeline.no_storyboards')) : ''
    this.total.textContent = [say('timeline.total', { seconds: length }), bounds].filter(Boolean).join(' · ')
  }

  /** Writes these shots into the script; the focus stays with the selected one. */
  write(shots, selected = this.selected) {
    this.keepForUndo()
    this.put(format({ before: this.board.before, shots }), selected)
  }

  keepForUndo() {
    this.undone.push([this.widget('script').value, this.selected])
    this.undone.splice(0, this.undone.length - MOST_UNDO)
  }

  put(script, selected) {
    const had = this.strip.contains(document.activeElement)
    const widget = this.widget('script')
    widget.value = script
    widget.callback?.(script)
    this.selected = selected
    this.look()
    if (had) this.strip.children[this.selected]?.focus()
    this.node.graph?.change?.()
  }

  get shots() {
    return [...this.board.shots]
  }

  add() {
    const shots = this.shots
    const at = shots.length ? this.selected + 1 : 0
    this.write(shots.toSpliced(at, 0, shotOf(shots[this.selected]?.seconds ?? 4, say('timeline.new'))), at)
  }

  split() {
    this.write(this.shots.toSpliced(this.selected, 1, ...split(this.shots[this.selected])))
  }

  duplicate() {
    const { seconds, text } = this.shots[this.selected]
    this.write(this.shots.toSpliced(this.selected + 1, 0, shotOf(seconds, text)), this.selected + 1)
  }

  delete() {
    this.write(this.shots.toSpliced(this.selected, 1))
  }

  move(by) {
    this.moveTo(this.selected, this.selected + by)
  }

  moveTo(from, to) {
    if (to < 0 || to >= this.shots.length || to === from) return
    const shots = this.shots
    const [shot] = shots.splice(from, 1)
    this.write(shots.toSpliced(to, 0, shot), to)
  }

  setSeconds(seconds) {
    if (!(seconds > 0)) return
    this.write(this.shots.with(this.selected, withSeconds(this.shots[this.selected], seconds)))
  }

  setText(text) {
    this.write(this.shots.with(this.selected, withText(this.shots[this.selected], text)))
  }

  undo() {
    const [script, selected] = this.undone.pop()
    this.put(script, selected)
  }

  onKey(event) {
    if (!this.board) return
    const { key, altKey, shiftKey } = event
    const command = event.ctrlKey || event.metaKey
    const by = { ArrowLeft: -1, ArrowRight: 1 }[key]
    if (by && altKey) this.move(by)
    else if (by && shiftKey) this.setSeconds(this.shots[this.selected].seconds + by * STEP_SECONDS)
    else if (by) this.strip.children[this.selected + by]?.focus()
    else if (key === 'Home') this.strip.firstElementChild?.focus()
    else if (key === 'End') this.strip.lastElementChild?.focus()
    else if (key === 'Delete' || key === 'Backspace') this.can('delete') && this.delete()
    else if (command && key.toLowerCase() === 'd') this.can('duplicate') && this.duplicate()
    else if (command && key.toLowerCase() === 'z') this.can('undo') && this.undo()
    else if (key === 'Enter') this.text.focus()
    else return
    event.preventDefault()
  }

  /** Another place for a block: before the first one whose middle is right of the pointer. */
  drag(event, from) {
    if (event.button !== 0 || !this.board) return
    const block = event.currentTarget
    block.focus()
    this.follow(event, block, {
      moved: ({ clientX }) => {
        block.classList.add('sora-dragged')
        this.strip.querySelectorAll('.sora-drop').forEach((each) => each.classList.remove('sora-drop'))
        this.strip.children[this.placeAt(clientX, from)]?.classList.add('sora-drop')
      },
      ended: ({ clientX }) => this.moveTo(from, this.placeAt(clientX, from))
    })
  }

  placeAt(clientX, from) {
    const middles = [...this.strip.children].map((each) => {
      const { left, width } = each.getBoundingClientRect()
      return left + width / 2
    })
    return middles.filter((middle, at) => at !== from && middle < clientX).length
  }

  resize(event, at) {
    if (event.button !== 0 || !this.board) return
    event.stopPropagation()
    const block = event.currentTarget.parentElement
    const { width } = block.getBoundingClientRect()
    const { seconds } = this.board.shots[at]
    const start = event.clientX
    const after = ({ clientX }) => Math.max(STEP_SECONDS, Math.round(((clientX - start) / width + 1) * seconds / STEP_SECONDS) * STEP_SECONDS)
    this.selected = at
    this.follow(event, event.currentTarget, {
      moved: (each) => {
        block.querySelector('b').textContent = `${at + 1} · ${after(each)}s`
        block.style.flexGrow = after(each)
      },
      ended: (each) => this.setSeconds(after(each))
    })
  }

  /** One pointer from press to release; Escape or a lost pointer changes nothing. */
  follow(event, element, { moved, ended }) {
    const listening = new AbortController()
    const { signal } = listening
    let hasMoved = false
    element.setPointerCapture(event.pointerId)
    this.dragging = true
    const stop = () => {
      listening.abort()
      this.dragging = false
      this.seen = undefined
    }
    element.addEventListener('pointermove', (each) => {
      hasMoved ||= Math.abs(each.clientX - event.clientX) > 3
      if (hasMoved) moved(each)
    }, { signal })
    element.addEventListener('pointerup', (each) => {
      stop()
      if (hasMoved) ended(each)
      this.look()
    }, { signal })
    element.addEventListener('pointercancel', () => {
      stop()
      this.look()
    }, { signal })
  }
}

function isAllowed(length, { among, least, most }) {
  return Number.isInteger(length) && (among ? among.includes(length) : length >= least && length <= most)
}

function boundsOf({ among, least, most }) {
  return say('timeline.allowed', { allowed: among ? among.join(', ') : `${least}–${most}` })
}

export const timeline = {
  name: 'SoraVideo.Timeline',
  setup() {
    api.addEventListener('executed', ({ detail }) => {
      const [clip] = detail.output?.images ?? []
      if (clip) ourNode(detail.display_node ?? detail.node)?.soraTimeline?.showResult(clip)
    })
  },
  nodeCreated(node) {
    if (node.comfyClass === TYPE) new Timeline(node)
  }
}
