/** The section of ComfyUI's settings with the user's connections. */
import { get, post, remove } from './api.js'
import { refreshChoices } from './canvas.js'
import { confirmed } from './dialogs.js'
import { el } from './dom.js'
import { notice, told } from './notices.js'
import { editProfile } from './profile_form.js'
import { testProfile } from './profile_test.js'
import { say } from './words.js'

let panel

/** The list, made once: the page asks for it again whenever it draws the settings. */
class ProfilesPanel {
  constructor() {
    this.list = el('ul', { class: 'sora-profiles', 'aria-label': say('profiles.title') })
    const chosen = el('input', {
      type: 'file',
      accept: '.toml,text/plain',
      hidden: true,
      onchange: () => this.act(() => this.import(chosen))
    })
    const buttons = [
      this.button('add', () => this.edit({}), 'sora-primary'),
      this.button('import', () => chosen.click()),
      this.button('export', () => this.export())
    ]
    this.element = el('div', { class: 'sora-video sora-profiles-panel' }, this.list, el('div', { class: 'sora-row' }, buttons, chosen))
  }

  button(name, work, kind = '') {
    return el('button', { type: 'button', class: `sora-button ${kind}`, onclick: () => this.act(work) }, say(`profiles.do.${name}`))
  }

  async act(work) {
    await told(work)
  }

  async show() {
    await told(async () => this.list.replaceChildren(...(await get('/profiles')).map((each) => this.row(each))))
  }

  /** After a change: the nodes offer what there is now. */
  async changed() {
    await this.show()
    await refreshChoices()
  }

  row(profile) {
    const { name, provider, base_url, key, built_in, problem, can } = profile
    const where = name === 'preview' ? say('profiles.preview') : base_url
    const facts = [provider, where, say(`profiles.key.${key}`)].join(' · ')
    const abilities = can ? can.operations.map((each) => say(`jobs.operation.${each}`)).join(', ') : ''
    const actions = [
      this.button('test', () => testProfile(name, () => this.changed())),
      can?.quota && this.button('quota', () => this.quota(name)),
      !built_in && this.button('edit', () => this.edit(profile)),
      !built_in && this.button('duplicate', () => this.duplicate(name)),
      !built_in && this.button('remove', () => this.remove(name))
    ]
    return el(
      'li',
      { 'data-profile': name },
      el('strong', {}, name),
      el('p', { class: 'sora-hint' }, facts),
      abilities && el('p', { class: 'sora-hint' }, abilities),
      problem && el('p', { class: 'sora-is-error' }, problem),
      el('div', { class: 'sora-row', role: 'group', 'aria-label': name }, actions.filter(Boolean))
    )
  }

  async edit(profile) {
    if (await editProfile(profile)) await this.changed()
  }

  async duplicate(name) {
    const taken = new Set((await get('/profiles')).map((each) => each.name))
    let number = 2
    while (taken.has(`${name}-${number}`)) number += 1
    await post('/profiles/duplicate', { name, new_name: `${name}-${number}` })
    await this.changed()
  }

  async remove(name) {
    if (!(await confirmed(say('profiles.do.remove'), say('profiles.remove_note', { name }), say('profiles.do.remove')))) return
    await remove('/profiles', { name })
    await this.changed()
  }

  async quota(name) {
    const { remaining, total, unit } = await post('/profiles/quota', { name })
    const left = [remaining ?? '?', total != null && `/ ${total}`, unit].filter(Boolean).join(' ')
    notice('info', name, say('profiles.left', { left }))
  }

  async export() {
    const { toml } = await get('/profiles/export')
    const link = el('a', { href: URL.createObjectURL(new Blob([toml], { type: 'text/plain' })), download: 'sora-video-profiles.toml' })
    link.click()
    URL.revokeObjectURL(link.href)
  }

  async import(chosen) {
    const toml = await chosen.files[0].text()
    chosen.value = ''
    const { added } = await post('/profiles/import', { toml })
    notice('success', say('profiles.imported', { names: added.join(', ') || '–' }), say('profiles.no_keys'))
    await this.changed()
  }
}

function render() {
  panel ??= new ProfilesPanel()
  panel.show()
  return panel.element
}

export const profilesSettings = {
  name: 'SoraVideo.Profiles',
  settings: [
    {
      id: 'SoraVideo.Profiles',
      category: ['Sora Video', 'Profiles', 'Profiles'],
      name: 'Profiles',
      tooltip: 'Your connections to servers. Kept beside ComfyUI, not in its settings; keys are stored sealed.',
      type: render,
      defaultValue: ''
    }
  ],
  commands: [
    {
      id: 'SoraVideo.OpenProfiles',
      label: 'Sora Video: add a profile',
      icon: 'pi pi-plus',
      function: () =>
        told(async () => {
          if (await editProfile({})) await refreshChoices()
        })
    }
  ]
}
