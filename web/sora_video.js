/** What the pack adds to the page; each feature is a module beside this one. The nodes work without any of it. */
import { app } from '../../scripts/app.js'
import { addStyle } from './dom.js'
import { jobsTab } from './jobs_tab.js'
import { nodeBar } from './node_bar.js'
import { nodeResult } from './node_result.js'
import { profilesSettings } from './profiles.js'
import { searchOrder } from './search_order.js'
import { timeline } from './timeline.js'
import { loadWords } from './words.js'

addStyle()
app.registerExtension({ name: 'SoraVideo.Words', init: loadWords })
for (const feature of [nodeBar, nodeResult, jobsTab, profilesSettings, searchOrder, timeline]) app.registerExtension(feature)
