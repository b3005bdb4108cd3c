/** A picture of each shot, out of the clip that a storyboard's last run has made. */
import { api } from '../../scripts/api.js'

const WIDTH_PX = 160
const PATIENCE_MS = 20_000

/** Addresses of pictures, one for each length in seconds, from the middle of each; empty where the clip cannot be read. */
export async function picturesOf({ filename, subfolder, type }, lengths) {
  const video = document.createElement('video')
  video.muted = true
  video.preload = 'auto'
  try {
    const ready = event(video, 'loadeddata')
    video.src = api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`)
    await ready
    const total = lengths.reduce((sum, each) => sum + each, 0)
    const pictures = []
    let start = 0
    for (const length of lengths) {
      pictures.push(await pictureAt(video, ((start + length / 2) / total) * video.duration))
      start += length
    }
    return pictures
  } catch {
    return [] // a clip that this browser cannot play: the blocks do without
  } finally {
    video.removeAttribute('src')
    video.load()
  }
}

async function pictureAt(video, seconds) {
  const sought = event(video, 'seeked')
  video.currentTime = seconds
  await sought
  const canvas = document.createElement('canvas')
  canvas.width = WIDTH_PX
  canvas.height = Math.round((WIDTH_PX * video.videoHeight) / video.videoWidth)
  canvas.getContext('2d').drawImage(video, 0, 0, canvas.width, canvas.height)
  return canvas.toDataURL('image/jpeg', 0.7)
}

function event(video, name) {
  return new Promise((done, failed) => {
    AbortSignal.timeout(PATIENCE_MS).addEventListener('abort', () => failed(new Error(`no ${name}`)))
    video.addEventListener(name, done, { once: true })
    video.addEventListener('error', () => failed(new Error('no video')), { once: true })
  })
}
