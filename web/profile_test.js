/** Doctor's look at a profile, step by step as it comes, with its advice applied by one press. */
import { lines, post } from './api.js'
import { ask } from './dialogs.js'
import { el } from './dom.js'
import { told } from './notices.js'
import { say } from './words.js'

const MARKS = { true: ['✓', 'ok'], false: ['✗', 'failed'], null: ['–', 'unclear'] }

export async function testProfile(name, onChange) {
  const stopped = new AbortController()
  const steps = el('ol', { class: 'sora-steps', 'aria-live': 'polite', 'aria-label': say('test.title', { name }) })
  const asked = ask(say('test.title', { name }), [el('p', { class: 'sora-hint' }, say('test.free')), steps], [{ label: say('close') }])
  look(name, steps, onChange, stopped.signal)
  await asked
  stopped.abort()
}

async function look(name, steps, onChange, signal) {
  steps.replaceChildren(el('li', { class: 'sora-hint' }, say('test.looking')))
  steps.ariaBusy = 'true'
  await told(async () => {
    try {
      await lines('/profiles/test', { name }, (finding) => steps.lastChild.before(step(finding, apply)), signal)
    } catch (error) {
      if (!signal.aborted) throw error
    }
  })
  steps.ariaBusy = 'false'
  steps.lastChild.remove()

  async function apply(settings) {
    const went = await told(async () => {
      await post('/profiles/edit', { name, settings })
      await onChange()
    })
    if (went) await look(name, steps, onChange, signal)
  }
}

function step({ check, ok, said, advice }, apply) {
  const [mark, word] = MARKS[ok]
  const settings = Object.entries(advice)
  const shown = settings.map(([field, value]) => `${field} = ${value}`).join(', ')
  return el(
    'li',
    { 'data-check': check, 'data-ok': String(ok) },
    el('span', { role: 'img', 'aria-label': say(`test.${word}`) }, mark),
    el('span', {}, el('strong', {}, say(`test.check.${check}`)), ' ', said),
    settings.length > 0 && el('button', { type: 'button', class: 'sora-button sora-primary', onclick: () => apply(advice) }, say('test.apply', { settings: shown }))
  )
}
