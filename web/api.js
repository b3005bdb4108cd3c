/** The one place that talks to the server: our routes below /sora_video. */
import { api } from '../../scripts/api.js'
import { app } from '../../scripts/app.js'

const ROOT = '/sora_video'

/** `en` or `zh`, as the page is. */
export function language() {
  const locale = app.extensionManager?.setting?.get('Comfy.Locale') || document.documentElement.lang || navigator.language
  return String(locale).startsWith('zh') ? 'zh' : 'en'
}

/** The address of a file of ours, for an element's `src`. */
export function address(path) {
  return api.apiURL(ROOT + path)
}

export function get(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value != null && value !== '')
  const asked = new URLSearchParams(given)
  return answered(asked.size ? `${path}?${asked}` : path)
}

export function post(path, body = {}) {
  return answered(path, effect('POST', body))
}

export function remove(path, body = {}) {
  return answered(path, effect('DELETE', body))
}

/** Calls `onLine` with each value of an answer that comes line by line. */
export async function lines(path, body, onLine, signal) {
  const response = await send(path, { ...effect('POST', body), signal })
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    const parts = (rest + value).split('\n')
    rest = parts.pop()
    for (const part of parts) onLine(JSON.parse(part))
  }
}

/** The page's own words, of every pack. */
export async function translations() {
  const response = await api.fetchApi('/i18n')
  return response.ok ? response.json() : {}
}

function effect(method, body) {
  return { method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
}

async function answered(path, options) {
  return (await send(path, options)).json()
}

/** Raises an Error with the server's own words. */
async function send(path, options = {}) {
  const headers = { ...options.headers, 'X-Sora-Video': language() }
  const response = await api.fetchApi(ROOT + path, { ...options, headers })
  if (response.ok) return response
  const said = await response.json().catch(() => ({}))
  throw new Error(said.error?.message ?? `HTTP ${response.status}`)
}
