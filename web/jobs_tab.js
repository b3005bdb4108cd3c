/** The sidebar tab of all jobs: pages of cards, kept up to date while it is open; a badge and notices when it is not. */
import { api } from '../../scripts/api.js'
import { app } from '../../scripts/app.js'
import { get } from './api.js'
import { el } from './dom.js'
import { JobCard } from './job_card.js'
import { notice, told } from './notices.js'
import { spentPart } from './spent.js'
import { say } from './words.js'

export const TAB = 'sora_video.jobs'
const EVENT = 'sora_video.jobs'
const PAGE = 40
const STATES = ['all', 'live', 'needs_user', 'delivered', 'failed']
const ENDED = { delivered: 'success', failed: 'error', canceled: 'info', unknown: 'warn', missing: 'warn' }
const SEARCH_PAUSE_MS = 250

let view // the open tab's
const ended = new Map() // job id -> the state that was told

/** What the tab shows while it is open. */
class JobsView {
  constructor(container) {
    this.cards = new Map() // job id -> JobCard
    this.query = { state: 'all', profile: '', search: '' }
    this.generation = 0 // of the query: an answer to an earlier one is dropped
    this.list = el('div', { class: 'sora-jobs', role: 'list', 'aria-label': say('jobs.title') })
    this.status = el('p', { class: 'sora-hint', role: 'status' })
    this.end = el('div', { class: 'sora-jobs-end' })
    this.root = el('div', { class: 'sora-video sora-jobs-tab' }, this.controls(), spentPart(), this.status, this.list, this.end)
    container.replaceChildren(this.root)
    this.observer = new IntersectionObserver((seen) => seen.some((each) => each.isIntersecting) && this.more(), {
      rootMargin: '600px'
    })
    this.ages = setInterval(() => this.cards.forEach((card) => card.showAge()), 30_000)
    this.reload()
  }

  controls() {
    let pause
    const search = el('input', {
      type: 'search',
      class: 'sora-input',
      placeholder: say('jobs.search'),
      'aria-label': say('jobs.search'),
      oninput: () => {
        clearTimeout(pause)
        pause = setTimeout(() => this.ask({ search: search.value }), SEARCH_PAUSE_MS)
      }
    })
    const choices = STATES.map((state) => el('option', { value: state }, say(`jobs.filter.${state}`)))
    const state = el(
      'select',
      { class: 'sora-input', 'aria-label': say('jobs.state'), onchange: () => this.ask({ state: state.value }) },
      choices
    )
    this.profile = el('select', {
      class: 'sora-input',
      'aria-label': say('jobs.profile'),
      onchange: () => this.ask({ profile: this.profile.value })
    })
    this.showProfiles([])
    return el('div', { class: 'sora-jobs-controls' }, search, state, this.profile)
  }

  showProfiles(names) {
    const options = names.map((name) => el('option', { value: name }, name))
    this.profile.replaceChildren(el('option', { value: '' }, say('jobs.every_profile')), ...options)
    this.profile.value = this.query.profile
  }

  ask(changes) {
    Object.assign(this.query, changes)
    this.reload()
  }

  async reload() {
    const generation = ++this.generation
    await told(async () => {
      const [jobs, summary] = await Promise.all([get('/jobs', { ...this.query, limit: PAGE }), get('/jobs/summary')])
      if (generation !== this.generation) return
      this.cards.clear()
      this.list.replaceChildren()
      this.showProfiles(summary.profiles)
      this.append(jobs)
      this.status.textContent = jobs.length ? '' : say('jobs.none')
      showBadge(summary.needs_user)
    })
  }

  async more() {
    this.observer.disconnect()
    const generation = this.generation
    await told(async () => {
      const last = [...this.cards.values()].at(-1)
      const jobs = await get('/jobs', { ...this.query, limit: PAGE, before: last?.job.number })
      if (generation === this.generation) this.append(jobs)
    })
  }

  append(jobs) {
    for (const job of jobs) this.add(job, (element) => this.list.append(element))
    this.observer.disconnect()
    if (jobs.length === PAGE) this.observer.observe(this.end)
  }

  add(job, place) {
    const card = new JobCard(job, (changed) => this.update(changed))
    this.cards.set(job.job_id, card)
    place(card.element)
  }

  update(job) {
    this.cards.get(job.job_id)?.update(job)
  }

  /** After an event: what is shown is read anew, what is new comes on top. */
  async refresh(changed) {
    const generation = this.generation
    const shown = changed.filter(({ job_id }) => this.cards.has(job_id))
    const jobs = await Promise.all(shown.map(({ job_id }) => get(`/jobs/${job_id}`)))
    jobs.forEach((job) => this.update(job))
    if (shown.length === changed.length) return
    const top = Math.max(0, ...[...this.cards.values()].map((card) => card.job.number))
    const newest = await get('/jobs', { ...this.query, limit: PAGE })
    if (generation !== this.generation) return
    const fresh = newest.filter((job) => job.number > top && !this.cards.has(job.job_id))
    for (const job of fresh.reverse()) this.add(job, (element) => this.list.prepend(element))
    if (fresh.length) this.status.textContent = ''
  }

  close() {
    this.observer.disconnect()
    clearInterval(this.ages)
  }
}

/** How many jobs need the user; the tab that the page knows is told, as it keeps what it was given. */
function showBadge(count) {
  const tab = app.extensionManager.getSidebarTabs?.().find((each) => each.id === TAB)
  if (tab) tab.iconBadge = count ? String(count) : null
}

async function showEnds(jobs) {
  for (const { job_id, state, waited_for } of jobs) {
    if (!(state in ENDED)) {
      ended.delete(job_id)
      continue
    }
    if (waited_for || ended.get(job_id) === state) continue
    ended.set(job_id, state)
    const job = await get(`/jobs/${job_id}`)
    notice(ENDED[state], say(`jobs.ended.${state}`), job.prompt.slice(0, 120) || job.job_id)
  }
}

async function onEvent({ detail }) {
  showBadge(detail.needs_user)
  await told(async () => {
    await view?.refresh(detail.jobs)
    await showEnds(detail.jobs)
  })
}

export const jobsTab = {
  name: 'SoraVideo.Jobs',
  async setup() {
    app.extensionManager.registerSidebarTab({
      id: TAB,
      icon: 'pi pi-video',
      iconBadge: null,
      title: say('jobs.tab'),
      tooltip: say('jobs.title'),
      type: 'custom',
      render: (container) => {
        view?.close()
        view = new JobsView(container)
      },
      destroy: () => {
        view?.close()
        view = undefined
      }
    })
    api.addEventListener(EVENT, onEvent)
    // what happened while the connection was away
    api.addEventListener('reconnected', () => view?.reload())
    await told(async () => showBadge((await get('/jobs/summary')).needs_user))
  }
}
