/** What a run says of its job while it lasts: a line that does not flicker. Pure but for the words. */
import { say } from './words.js'

const SOON_SECONDS = 5
const SAY_IT_ALL = ['looking up', 'waiting for another process'] // stages whose note says it again
const AFTER_ALL = ['downloading', 'saving'] // stages in which the percentage of the work says nothing any more
const MOST_LINES = 4

/** A line for each of the jobs that one node waits for; each is what was told of it and `passed`, seconds since then. */
export function progressLines(jobs) {
  const lines = jobs.slice(0, MOST_LINES).map(({ told, passed }, at) => (jobs.length > 1 ? `${at + 1}: ` : '') + progressLine(told, passed))
  return (jobs.length > MOST_LINES ? [...lines, say('progress.more', { count: jobs.length - MOST_LINES })] : lines).join('\n')
}

export function progressLine(told, passed = 0) {
  const { stage, percent, queue_position, remaining, note } = told
  const parts = [
    say(`progress.${stage}`),
    queue_position && say('progress.place', { place: queue_position }),
    percent != null && !AFTER_ALL.includes(stage) && `${Math.round(percent)} %`,
    remaining != null && left(remaining - passed),
    !SAY_IT_ALL.includes(stage) && note
  ]
  return parts.filter(Boolean).join(' · ')
}

/** In steps that a person would say: 5 seconds, quarters of a minute, minutes. */
function left(seconds) {
  if (seconds <= SOON_SECONDS) return say('progress.soon')
  if (seconds < 60) return say('progress.left', { time: say('progress.seconds', { count: Math.ceil(seconds / 5) * 5 }) })
  const step = seconds < 300 ? 2 : 1 // of a minute
  return say('progress.left', { time: say('progress.minutes', { count: Math.round((seconds / 60) * step) / step }) })
}
