/** What each profile offers a node to choose from; asked once for all nodes, and again when profiles have changed. */
import { get, post } from './api.js'

let profiles // a promise of what there is, by name
const lists = new Map() // name -> a promise of the server's models
const loras = new Map() // name -> a promise of the LoRA that a request to the server can name

/** `{ models, model, seconds }` of a profile: what is listed, its own model, and its seconds as the routes say them. */
export async function offers(name) {
  profiles ??= get('/profiles').then((all) => new Map(all.map((each) => [each.name, each])))
  profiles.catch(forgetOffers)
  const profile = (await profiles).get(name)
  if (!profile?.can) return { models: [], model: '', seconds: undefined }
  return { models: await modelsOf(profile), model: profile.model, seconds: profile.can.seconds }
}

/** Paths on the server, as it lists them; none for no profile. Asked for alone: only settings have a use for them. */
export async function loraOffers(name) {
  if (!name) return []
  if (!loras.has(name)) loras.set(name, post('/profiles/loras', { name }).then((answer) => answer.loras, () => []))
  return loras.get(name)
}

/** To be called when profiles were added or changed. */
export function forgetOffers() {
  profiles = undefined
  lists.clear()
  loras.clear()
}

function modelsOf({ name, can, key }) {
  if (can.models.length || key === 'missing') return can.models
  if (!lists.has(name)) lists.set(name, post('/profiles/models', { name }).then((answer) => answer.models, () => []))
  return lists.get(name)
}
