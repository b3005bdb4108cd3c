/** What the pack adds to the page; each feature is a module beside this one. The nodes work without any of it. */
import { app } from '../../scripts/app.js'
import { addStyle } from './dom.js'
import { nodeResult } from './node_result.js'

addStyle()
for (const feature of [nodeResult]) app.registerExtension(feature)
