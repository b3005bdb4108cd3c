/** A job of which nobody knows what became: what is known, what it may be, and the user's word for it. */
import { post } from './api.js'
import { ask, confirmed } from './dialogs.js'
import { el } from './dom.js'
import { notice, told } from './notices.js'
import { ago, say } from './words.js'

const THIS_ONE = 'this one'
const NEVER_MADE = 'never made'
const LOOK = 'look'

export async function resolve(job, onChange) {
  const { job_id } = job
  const written = el('input', { class: 'sora-input', id: 'sora-remote-id', value: job.remote_id ?? '', autocomplete: 'off' })
  const found = el('div', { role: 'radiogroup', 'aria-label': say('resolve.candidates') })
  const known = [say('resolve.known', { profile: job.profile, when: ago(job.created_at) }), job.error].filter(Boolean)
  const content = [
    el('p', {}, known.join(' ')),
    job.prompt && el('blockquote', {}, job.prompt),
    el('h3', {}, say('resolve.candidates')),
    found,
    el('label', { for: 'sora-remote-id' }, say('resolve.remote_id')),
    written
  ]
  const listing = showCandidates(job, found, written)
  const buttons = [
    { label: say('no') },
    { label: say('resolve.never_made'), value: NEVER_MADE, kind: 'sora-danger' },
    job.remote_id && { label: say('resolve.look'), value: LOOK },
    { label: say('resolve.this_one'), value: THIS_ONE, kind: 'sora-primary' }
  ]
  const answer = await ask(say('resolve.title'), content, buttons.filter(Boolean))
  await listing
  if (answer === LOOK) onChange(await post('/jobs/collect', { job_id }))
  if (answer === THIS_ONE) {
    onChange(await post('/jobs/remote_id', { job_id, remote_id: written.value }))
    notice('success', say('resolve.collecting'))
  }
  if (answer === NEVER_MADE) await forget(job, onChange)
}

/** The one thing here after which money may be taken again; so it says how much, as far as that is known. */
async function forget(job, onChange) {
  if (!(await confirmed(say('resolve.pay_again'), `${say('resolve.forget_note')} ${nextAmount(job)}`, say('resolve.pay_again')))) return
  onChange(await post('/jobs/forget', { job_id: job.job_id }))
  notice('info', say('resolve.forgotten'), say('resolve.run_again'))
}

function nextAmount({ cost, currency, seconds, profile }) {
  if (cost == null) return say('resolve.amount_unknown', { seconds: seconds || '?', profile })
  return Number(cost) ? say('resolve.amount', { amount: `${cost} ${currency}`.trim() }) : say('resolve.amount_free', { profile })
}

async function showCandidates(job, found, written) {
  found.textContent = say('resolve.looking')
  const went = await told(async () => {
    const candidates = await post('/jobs/candidates', { job_id: job.job_id })
    found.replaceChildren(...candidates.map((each) => choice(each, written)))
    if (!candidates.length) found.textContent = say('resolve.no_candidates')
  })
  if (!went) found.textContent = say('resolve.no_list')
}

function choice({ remote_id, state, prompt, model, created_at }, written) {
  const pick = el('input', { type: 'radio', name: 'sora-candidate', onchange: () => (written.value = remote_id) })
  const about = [say(`jobs.is.${state}`), model, created_at && ago(created_at), prompt].filter(Boolean).join(' · ')
  return el('label', { class: 'sora-candidate' }, pick, el('span', {}, el('code', {}, remote_id), ' ', about))
}
