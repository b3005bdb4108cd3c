/** Elements of the page, and our stylesheet. */

/** An element with attributes, listeners (`onclick`) and children. Children are text or elements: never markup. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== false && value != null) element.setAttribute(name, value)
  }
  element.append(...children.flat().filter((each) => each != null && each !== false))
  return element
}

/** Sets a text only when it is another one: a screen reader would say it again. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text
}

export function addStyle() {
  document.head.append(el('link', { rel: 'stylesheet', href: new URL('./sora_video.css', import.meta.url).href }))
}
