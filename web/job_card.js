/** One job of the list: what it is, how far it is, and what can be done with it. */
import { address, get, post, remove } from './api.js'
import { addNode, loadGraph, refreshChoices } from './canvas.js'
import { confirmed } from './dialogs.js'
import { el } from './dom.js'
import { notice, told } from './notices.js'
import { resolve } from './resolve.js'
import { ago, say } from './words.js'

const CANCELABLE = ['queued', 'running']
const UNCLEAR = ['unknown', 'missing']
const COLLECTABLE = ['queued', 'running', 'succeeded', 'missing', 'delivered']

export class JobCard {
  /** `onChange` is given the job as it is after something was done with it. */
  constructor(job, onChange) {
    this.onChange = onChange
    this.output = 1 // which of the job's files is shown
    this.media = el('div', { class: 'sora-job-media' })
    this.count = el('span', { class: 'sora-hint', role: 'status' })
    const step = (by, sign, name) => el('button', { type: 'button', class: 'sora-button', 'aria-label': say(name), title: say(name), onclick: () => this.step(by) }, sign)
    this.files = el('div', { class: 'sora-job-files', role: 'group', 'aria-label': say('jobs.files') }, step(-1, '‹', 'jobs.file_before'), this.count, step(1, '›', 'jobs.file_next'))
    this.state = el('span', { class: 'sora-job-state' })
    this.age = el('time', { class: 'sora-hint' })
    this.bar = el('progress', { max: 100, 'aria-label': say('jobs.progress') })
    this.prompt = el('p', { class: 'sora-job-prompt' })
    this.facts = el('p', { class: 'sora-hint' })
    this.error = el('p', { class: 'sora-is-error' })
    this.buttons = el('div', { class: 'sora-job-buttons', role: 'group', 'aria-label': say('jobs.actions') })
    const head = el('div', { class: 'sora-job-head' }, this.state, this.age)
    const body = el('div', { class: 'sora-job-body' }, head, this.bar, this.prompt, this.facts, this.error, this.buttons)
    this.element = el('div', { class: 'sora-job', role: 'listitem' }, this.media, this.files, body)
    this.update(job)
  }

  update(job) {
    const before = this.job
    this.job = job
    this.element.dataset.jobId = job.job_id
    this.element.dataset.state = job.state
    this.state.textContent = say(`jobs.is.${job.state}`)
    this.prompt.textContent = job.prompt || say(`jobs.operation.${job.operation}`)
    this.facts.textContent = this.describe()
    this.error.textContent = job.error ?? ''
    this.error.hidden = !job.error
    this.bar.hidden = !CANCELABLE.includes(job.state)
    if (job.progress == null) this.bar.removeAttribute('value')
    else this.bar.value = job.progress
    this.showAge()
    if (before?.media !== job.media || before?.path !== job.path || before?.files !== job.files) this.show(1)
    else if (before.state !== job.state) this.buttons.replaceChildren(...this.actions())
  }

  showAge() {
    this.age.textContent = ago(this.job.created_at)
    this.age.dateTime = new Date(this.job.created_at * 1000).toISOString()
  }

  describe() {
    const { profile, model, duration, seconds, width, height, cost, currency } = this.job
    const length = duration || seconds
    const parts = [profile, model, length && say('jobs.seconds', { seconds: +length.toFixed(1) })]
    return [...parts, width && `${width}×${height}`, Number(cost) > 0 && `${cost} ${currency}`.trim()].filter(Boolean).join(' · ')
  }

  /** One of the job's files, and what can be done with it. */
  show(output) {
    const { files, media } = this.job
    this.output = output
    this.files.hidden = !media || files < 2
    this.count.textContent = say('jobs.file_of', { number: output, count: files })
    this.showMedia()
    this.buttons.replaceChildren(...this.actions())
  }

  /** After the last comes the first. */
  step(by) {
    const { files } = this.job
    this.show(((this.output - 1 + by + files) % files) + 1)
  }

  /** Of the file that is shown. */
  address(what, query = '') {
    return address(`/jobs/${this.job.job_id}/${what}?output=${this.output}${query}`)
  }

  showMedia() {
    const { media } = this.job
    if (!media) return this.media.replaceChildren()
    const picture = el('img', { src: this.address('picture'), alt: '', loading: 'lazy' })
    if (media === 'picture') return this.media.replaceChildren(picture)
    const play = el('button', { type: 'button', class: 'sora-play', 'aria-label': say('jobs.play'), onclick: () => this.play() }, picture)
    this.media.replaceChildren(play)
  }

  play() {
    const video = el('video', { src: this.address('file'), controls: true, loop: true, playsinline: true, 'aria-label': this.job.prompt })
    this.media.replaceChildren(video)
    video.focus()
    video.play().catch(() => {}) // a page that nobody has touched yet must not play sound; the controls are there
  }

  actions() {
    const { job_id, state, media, has_graph } = this.job
    const shown = [
      UNCLEAR.includes(state) && this.action('resolve', () => resolve(this.job, this.onChange), 'sora-primary'),
      !media && COLLECTABLE.includes(state) && this.action('collect', () => this.changed(post('/jobs/collect', { job_id }))),
      CANCELABLE.includes(state) && this.action('cancel', () => this.cancel()),
      media && this.saveAs(),
      media === 'video' && this.action('put_clip', () => addNode('SoraVideo_ResumeJob', { job_id, profile: this.job.profile })),
      media && this.action(media === 'video' ? 'put_last_frame' : 'put_picture', () => this.putLastFrame()),
      has_graph && this.action('load_graph', () => this.loadGraph()),
      this.action('copy_id', () => this.copyId()),
      media && this.action('delete_file', () => this.deleteFile())
    ]
    return shown.filter(Boolean)
  }

  action(name, work, kind = '') {
    const run = async () => {
      button.disabled = true
      await told(work)
      button.disabled = false
    }
    const button = el('button', { type: 'button', class: `sora-button ${kind}`, onclick: run }, say(`jobs.do.${name}`))
    return button
  }

  async changed(answer) {
    this.onChange(await answer)
  }

  saveAs() {
    return el('a', { class: 'sora-button', href: this.address('file', '&download=1'), download: '' }, say('jobs.do.save_as'))
  }

  async copyId() {
    await navigator.clipboard.writeText(this.job.job_id)
    notice('success', say('jobs.copied'), this.job.job_id)
  }

  async cancel() {
    if (!(await confirmed(say('jobs.do.cancel'), say('jobs.cancel_note'), say('jobs.do.cancel')))) return
    await this.changed(post('/jobs/cancel', { job_id: this.job.job_id }))
  }

  async deleteFile() {
    const { files, path } = this.job
    const text = say(files > 1 ? 'jobs.delete_all_note' : 'jobs.delete_note', { path, count: files })
    if (!(await confirmed(say('jobs.do.delete_file'), text, say('jobs.do.delete_file')))) return
    await this.changed(remove('/jobs/file', { job_id: this.job.job_id }))
  }

  async putLastFrame() {
    const { filename } = await post('/jobs/last_frame', { job_id: this.job.job_id, output: this.output })
    await refreshChoices()
    addNode('LoadImage', { image: filename })
  }

  async loadGraph() {
    await loadGraph(await get(`/jobs/${this.job.job_id}/graph`), this.job.job_id)
  }
}
