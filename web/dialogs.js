/** Questions to the user, as modal dialogs: the keyboard stays inside, Escape says no. */
import { el } from './dom.js'
import { say } from './words.js'

let opened = 0

/** Inside of the page's own dialog, if one is open: a press beside that one would close it. */
function place() {
  const open = [...document.querySelectorAll('[role=dialog]')].filter((each) => each.checkVisibility())
  return open.at(-1) ?? document.body
}

/** Shows `content` until one of the buttons is pressed; the value of that button, `undefined` for Escape. */
export function ask(title, content, buttons) {
  const id = `sora-dialog-${++opened}`
  return new Promise((done) => {
    const dialog = el('dialog', { class: 'sora-video sora-dialog', 'aria-labelledby': id })
    let answer
    const close = (value) => {
      answer = value
      dialog.close()
    }
    const row = buttons.map(({ label, value, kind = '' }) =>
      el('button', { type: 'button', class: `sora-button ${kind}`, onclick: () => close(value) }, label)
    )
    dialog.append(el('h2', { id }, title), el('div', { class: 'sora-dialog-body' }, content), el('div', { class: 'sora-dialog-buttons' }, row))
    dialog.addEventListener('close', () => {
      dialog.remove()
      done(answer)
    })
    // the canvas must not take what is typed here for its own
    for (const event of ['keydown', 'paste', 'copy']) dialog.addEventListener(event, (each) => each.stopPropagation())
    place().append(dialog)
    dialog.showModal()
  })
}

export async function confirmed(title, text, yes, kind = 'sora-danger') {
  const buttons = [{ label: say('no') }, { label: yes, value: true, kind }]
  return (await ask(title, el('p', {}, text), buttons)) === true
}
