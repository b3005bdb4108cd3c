/** The text of a Sora Prompts node, as `sora_core/requests/lines.py` reads it. Pure. */
import { LINES } from './script.js'

/** `{ prompt, seconds, seed }` of each line, as far as it names them; `undefined` for a text that is refused. */
export function promptsOf(text) {
  const written = text.split(LINES).map((line) => line.trim())
  const found = written.filter((line) => line && !line.startsWith('#')).map(read)
  return found.length && found.every(Boolean) ? found : undefined
}

function read(line) {
  if (!line.startsWith('{')) return { prompt: line }
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
