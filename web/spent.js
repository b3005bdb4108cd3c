/** What was spent, by day and profile: a part of the jobs tab that is read when it is opened. */
import { get } from './api.js'
import { el } from './dom.js'
import { told } from './notices.js'
import { say } from './words.js'

export function spentPart() {
  const place = el('div', { class: 'sora-spent' })
  const details = el('details', {}, el('summary', {}, say('spent.title')), place)
  details.addEventListener('toggle', () => details.open && told(async () => place.replaceChildren(table(await get('/costs')))))
  return details
}

function table(days) {
  if (!days.length) return el('p', { class: 'sora-hint' }, say('spent.nothing'))
  const heads = ['day', 'profile', 'jobs', 'cost'].map((each) => el('th', { scope: 'col' }, say(`spent.${each}`)))
  return el('table', {}, el('thead', {}, el('tr', {}, heads)), el('tbody', {}, days.map(row)))
}

function row({ day, profile, jobs, cost, currency, unknown, failed, failed_cost }) {
  const parts = [
    Number(cost) > 0 && `${cost} ${currency}`.trim(),
    unknown > 0 && say('spent.unknown', { count: unknown }),
    Number(failed_cost) > 0 && say('spent.failed', { count: failed, amount: failed_cost })
  ]
  return el('tr', {}, el('td', {}, day), el('td', {}, profile), el('td', {}, String(jobs)), el('td', {}, parts.filter(Boolean).join(' · ') || say('cost.free')))
}
