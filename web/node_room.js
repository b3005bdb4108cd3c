/**
 * The height of a node on the canvas: its texts keep theirs when the page puts something below them. The newer renderer
 * lays its nodes out by itself; there our stylesheet says how high a text is at least.
 */
const TEXT_ROOM_PX = 40 // beyond the least that a text gets
const SETTLE_LOOKS = 6 // after something was put below: until the canvas has drawn it

export class Room {
  constructor(node) {
    this.node = node
    this.heights = new Map() // name of a text -> its height before something was put below
    this.settles = 0
  }

  get widgets() {
    return this.node.widgets.filter((each) => !each.hidden)
  }

  get texts() {
    return this.widgets.filter((each) => each.element?.tagName === 'TEXTAREA')
  }

  get names() {
    return this.widgets.map((each) => each.name).join()
  }

  /** As high as what is shown takes, with some room to write. */
  fit() {
    if (window.LiteGraph.vueNodesMode) return
    this.node.setSize([this.node.size[0], this.node.computeSize()[1] + TEXT_ROOM_PX * this.texts.length])
    this.node.setDirtyCanvas(true, true)
    this.seen = this.names
  }

  /**
   * To be called again and again. What comes below after a run, such as the player, takes its height from the texts,
   * and is drawn beside the node until something else is drawn anew.
   */
  look() {
    if (window.LiteGraph.vueNodesMode) return
    const now = new Map(this.texts.map((each) => [each.name, each.computedHeight ?? 0]))
    if (this.names !== this.seen) this.settles = SETTLE_LOOKS
    this.seen = this.names
    if (!this.settles) {
      this.heights = now
      return
    }
    this.settles -= 1
    const lost = [...this.heights].reduce((sum, [name, height]) => sum + Math.max(0, height - (now.get(name) ?? height)), 0)
    const isDrawn = lost !== this.lost // else the last growth is still to be seen
    this.lost = lost
    const [width, height] = this.node.size
    this.node.setSize([width, Math.max(height + (isDrawn ? lost : 0), this.node.computeSize()[1])])
    this.node.setDirtyCanvas(true, true)
  }
}
