/** The form of one profile. A key is written and never read: its field is always empty at first. */
import { get, post } from './api.js'
import { el } from './dom.js'
import { ask } from './dialogs.js'
import { notice, told } from './notices.js'
import { offers } from './offers.js'
import { say } from './words.js'

const NUMBERS = ['max_jobs', 'requests_per_minute', 'poll_seconds', 'max_submissions_per_day', 'min_quota', 'max_cost_per_day']
const FRACTIONS = ['poll_seconds', 'min_quota', 'max_cost_per_day']
const MAIN = ['name', 'provider', 'base_url', 'key', 'model']
const MORE = ['currency', 'prices', 'auth', 'dialect', ...NUMBERS, 'proxy', 'allow_http', 'paid', 'key_env', 'proxy_env', 'extra']
const SAVE = 'save'

/** Asks until it is saved or given up; whether something was saved. `profile` without a name: a new one. */
export async function editProfile(profile) {
  const { auth, providers } = await get('/providers')
  const form = new ProfileForm(profile, auth, providers)
  const title = profile.name ? say('form.edit', { name: profile.name }) : say('form.add')
  const buttons = [{ label: say('no') }, { label: say('form.save'), value: SAVE, kind: 'sora-primary' }]
  while ((await ask(title, form.element, buttons)) === SAVE) {
    if (await told(() => form.save())) return true
  }
  return form.saved
}

class ProfileForm {
  constructor(profile, auth, providers) {
    this.before = profile
    this.saved = false
    this.fields = {}
    this.says = el('p', { class: 'sora-hint', id: 'sora-provider-says' })
    this.models = el('datalist', { id: 'sora-models' })
    if (profile.name) told(async () => this.models.append(...(await offers(profile.name)).models.map((each) => el('option', { value: each }))))
    const make = (name) => this.row(name, this.control(name, profile, auth, providers))
    this.element = el(
      'form',
      { class: 'sora-form', autocomplete: 'off', onsubmit: (event) => event.preventDefault() },
      MAIN.map(make),
      this.models,
      el('details', {}, el('summary', {}, say('form.more')), MORE.map(make))
    )
    const showProvider = () => {
      this.provider = providers.find((each) => each.name === this.fields.provider.value)
      this.says.textContent = this.provider.says
      if (!profile.name) this.fields.auth.value = ''
    }
    this.fields.provider.addEventListener('change', showProvider)
    showProvider()
  }

  row(name, control) {
    const id = `sora-field-${name}`
    control.id = id
    this.fields[name] = control
    const hint = name === 'provider' ? this.says : el('p', { class: 'sora-hint', id: `${id}-hint` }, this.hint(name))
    control.setAttribute('aria-describedby', hint.id)
    return el('div', { class: 'sora-field' }, el('label', { for: id }, say(`form.field.${name}`)), control, hint.textContent || name === 'provider' ? hint : null)
  }

  hint(name) {
    if (name === 'key' && this.before.name) return say(`form.key.${this.before.key}`)
    const key = `form.hint.${name}`
    const text = say(key)
    return text === key ? '' : text
  }

  control(name, profile, auth, providers) {
    const value = profile[name] ?? ''
    if (name === 'provider') return this.select(providers.map((each) => each.name), value || 'openai')
    if (name === 'auth') return this.select([...(profile.name ? [] : ['']), ...auth], value)
    if (name === 'allow_http') return el('input', { type: 'checkbox', checked: Boolean(value) })
    if (name === 'paid') return this.select(['', 'yes', 'no'], { true: 'yes', false: 'no' }[value] ?? '')
    if (name === 'key') return el('input', { type: 'password', class: 'sora-input', autocomplete: 'new-password', spellcheck: 'false' })
    if (name === 'model') return el('input', { type: 'text', class: 'sora-input', value, spellcheck: 'false', list: 'sora-models' })
    if (name === 'extra') {
      const area = el('textarea', { class: 'sora-input', rows: 3, spellcheck: 'false' })
      area.value = Object.entries(value || {}).map((pair) => pair.join(' = ')).join('\n')
      return area
    }
    if (name === 'prices') {
      const area = el('textarea', { class: 'sora-input', rows: 3, spellcheck: 'false' })
      area.value = (value || []).join('\n')
      return area
    }
    if (NUMBERS.includes(name)) return el('input', { type: 'number', min: 0, step: FRACTIONS.includes(name) ? 'any' : 1, class: 'sora-input', value: value || 0 })
    return el('input', { type: 'text', class: 'sora-input', value, spellcheck: 'false', required: ['name', 'base_url'].includes(name) })
  }

  select(names, chosen) {
    const control = el('select', { class: 'sora-input' }, names.map((each) => el('option', { value: each }, each || say('form.automatic'))))
    control.value = chosen
    return control
  }

  /** What is in the fields, without the key; only what differs from before. */
  settings() {
    const found = {}
    for (const name of [...MAIN, ...MORE].filter((each) => !['name', 'key'].includes(each))) {
      const value = this.value(name)
      const before = this.before[name] ?? (name === 'paid' ? null : NUMBERS.includes(name) ? 0 : name === 'allow_http' ? false : name === 'extra' ? {} : name === 'prices' ? [] : '')
      if (name === 'auth' && !value) continue
      if (name === 'provider' || name === 'base_url' || JSON.stringify(value) !== JSON.stringify(before)) found[name] = value
    }
    return found
  }

  value(name) {
    const control = this.fields[name]
    if (name === 'allow_http') return control.checked
    if (name === 'paid') return { yes: true, no: false }[control.value] ?? null
    if (name === 'extra') return extra(control.value)
    if (name === 'prices') return control.value.split('\n').map((line) => line.trim()).filter(Boolean)
    if (NUMBERS.includes(name)) return Number(control.value || 0)
    return control.value.trim()
  }

  async save() {
    const name = this.fields.name.value.trim()
    const settings = this.settings()
    const key = this.fields.key.value
    // left to the server, a profile on this machine would be taken for one that needs none
    if (key && !this.value('auth')) settings.auth = this.provider.auth
    const made = this.before.name
      ? await post('/profiles/edit', { name: this.before.name, new_name: name, settings })
      : await post('/profiles', { name, settings })
    this.saved = true
    this.before = made // saved so far: what follows changes this one
    if (key) await post('/profiles/key', { profile: made.name, key })
    this.fields.key.value = ''
    if (!key && made.key === 'missing') notice('warn', say('form.key_wanted', { name: made.name }), say('form.key_wanted_why'))
  }
}

/** Lines `name = value`. */
function extra(text) {
  const found = {}
  for (const line of text.split('\n').filter((each) => each.trim())) {
    const at = line.indexOf('=')
    if (at < 1) throw new Error(say('form.extra_line', { line }))
    found[line.slice(0, at).trim()] = line.slice(at + 1).trim()
  }
  return found
}

