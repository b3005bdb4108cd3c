/** Our texts, in the page's language: `soraVideo` of locales/<language>/main.json. */
import { language, translations } from './api.js'

let words = {}
let nodes = {} // what the nodes' inputs are called, and their choices

/** To be awaited before anything is shown. */
export async function loadWords() {
  const all = await translations()
  words = { ...all.en?.soraVideo, ...all[language()]?.soraVideo }
  nodes = all[language()]?.nodeDefs ?? {}
}

/** A choice of a node's input as the page's reader calls it. */
export function choice(type, input, value) {
  return nodes[type]?.inputs?.[input]?.options?.[value] ?? String(value ?? '')
}

/** The text of this name with its values in place of `%value%`; the name itself where there is none. */
export function say(name, values = {}) {
  return (words[name] ?? name).replace(/%(\w+)%/g, (hole, value) => values[value] ?? hole)
}

/** How long ago, in the page's language. */
export function ago(seconds) {
  const passed = Date.now() / 1000 - seconds
  const format = new Intl.RelativeTimeFormat(language(), { numeric: 'auto', style: 'short' })
  const units = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]]
  const [unit, length] = units.find(([, each]) => passed >= each) ?? units.at(-1)
  return format.format(-Math.floor(passed / length), unit)
}
