/** Short notices in the corner of the page. */
import { app } from '../../scripts/app.js'

export function notice(severity, summary, detail = '') {
  app.extensionManager.toast.add({ severity, summary, detail, life: severity === 'error' ? 15_000 : 6000 })
}

/** Runs what a button does; what goes wrong is told. True when it went well. */
export async function told(work) {
  try {
    await work()
    return true
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const [first, ...more] = error.message.split('\n')
    notice('error', first, more.join('\n'))
    return false
  }
}
