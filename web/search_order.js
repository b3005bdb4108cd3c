/** The node that most people look for comes first where the search finds several of ours equally well. */
import { PREFIX } from './graph.js'

const FIRST = `${PREFIX}Text2Video`

export const searchOrder = {
  name: 'SoraVideo.SearchOrder',
  beforeRegisterNodeDef(nodeType, nodeData) {
    // the page ranks equals by how often a node is used, of which it has a list of its own; less is better
    if (nodeData.name === FIRST) nodeData.postProcessSearchScores = ([kind, ...others]) => [kind, -1, ...others]
  }
}
