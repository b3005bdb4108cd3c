/**
 * Where the search finds several nodes equally well, the page puts first what is used most, by a list of its own, in
 * which ComfyUI's own node for Sora has 25. Of ours, which it does not know, those that most people look for have as much.
 */
import { PREFIX } from './graph.js'

const USES = new Map([
  [`${PREFIX}Text2Video`, 25],
  [`${PREFIX}Image2Video`, 24],
  [`${PREFIX}Image`, 23]
])

const [BEGINS, WORD_INSIDE] = [1, 2] // kinds of a match: with the word that is looked for, or as one of its words

export const searchOrder = {
  name: 'SoraVideo.SearchOrder',
  beforeRegisterNodeDef(nodeType, nodeData) {
    const uses = USES.get(nodeData.name)
    // less is better; our names begin after "Sora", which all of them have in front
    if (uses) nodeData.postProcessSearchScores = ([kind, ...others]) => [kind === WORD_INSIDE ? BEGINS : kind, -uses, ...others]
  }
}
