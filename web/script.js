/**
 * A storyboard's script as shots and back, without losing anything that is not a shot: comments, blank lines and the
 * way in which a length is written stay where they are. Pure. It reads what `sora_core/requests/shots.py` reads.
 */
const MARK = String.raw`(?:[-*•‣·–—]\s+|[(（]?\p{Nd}{1,3}[.)、．）](?!\p{Nd})\s*)?`
const HEAD = new RegExp(
  String.raw`^([\ufeff\u200b-\u200f\u2060]*\s*${MARK}[\[【［]?\s*)(\p{Nd}+(?:\.\p{Nd}+)?)(\s*s\s*(?:[\]】］]|:|：)\s*)([^]*)$`,
  'iu'
)
export const LINES = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/
const LENGTHS = { min: 0.1, max: 3600 }

/** `{ before, shots }`; `undefined` for text that is no script, or JSON. A shot has `seconds`, `text` and its `lines`. */
export function parse(script) {
  if (/^\s*\[\s*[{\]]/.test(script)) return undefined
  const before = []
  const shots = []
  for (const line of script === '' ? [] : script.replace(/\n$/, '').split(LINES)) {
    const head = HEAD.exec(line)
    if (head) shots.push({ lines: [line] })
    else if (shots.length) shots.at(-1).lines.push(line)
    else if (!line.trim() || line.trimStart().startsWith('#')) before.push(line)
    else return undefined
  }
  for (const shot of shots) Object.assign(shot, read(shot.lines))
  return { before, shots }
}

export function format({ before, shots }) {
  const lines = [...before, ...shots.flatMap((shot) => shot.lines)]
  return lines.length ? `${lines.join('\n')}\n` : ''
}

export function shotOf(seconds, text) {
  return withText(withSeconds({ lines: ['[1s] '] }, seconds), text)
}

/** The length, written in the place of the one that was there. */
export function withSeconds(shot, seconds) {
  const [, open, , close, rest] = HEAD.exec(shot.lines[0])
  const kept = Math.min(LENGTHS.max, Math.max(LENGTHS.min, Math.round(seconds * 10) / 10))
  const lines = [`${open}${kept}${close}${rest}`, ...shot.lines.slice(1)]
  return { lines, ...read(lines) }
}

/** What it shows; comments and blank lines at its end stay. */
export function withText(shot, text) {
  const [, open, seconds, close] = HEAD.exec(shot.lines[0])
  const last = shot.lines.findLastIndex((line, at) => at === 0 || isText(line))
  const [first, ...more] = text.split('\n').map((line) => line.trim()).filter(Boolean)
  const lines = [`${open}${seconds}${close}${first ?? ''}`, ...more, ...shot.lines.slice(last + 1)]
  return { lines, ...read(lines) }
}

/** Two shots of one: half the length each, the text parted at a line or a sentence where there is one. */
export function split(shot) {
  const seconds = Math.max(LENGTHS.min, Math.round((shot.seconds / 2) * 10) / 10)
  const [first, second] = parted(shot.text)
  return [withText(withSeconds(shot, shot.seconds - seconds), first), shotOf(seconds, second)]
}

function parted(text) {
  const at = text.indexOf('\n')
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)]
  const sentence = /^([^]*?[.!?。！？])\s*(\S[^]*)$/u.exec(text)
  return sentence ? [sentence[1], sentence[2]] : [text, text]
}

function read(lines) {
  const [, , seconds, , first] = HEAD.exec(lines[0])
  const text = [first, ...lines.slice(1).filter(isText).map((line) => line.trim())].join('\n').trim()
  return { seconds: Number(seconds.replace(/\p{Nd}/gu, valueOf)), text }
}

/** Of a digit of any script: how far it is from its zero. */
function valueOf(digit) {
  let value = 0
  while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(digit.codePointAt(0) - value - 1))) value += 1
  return value
}

function isText(line) {
  return line.trim() !== '' && !line.trimStart().startsWith('#')
}
