export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const create = (tag, className, text) => {
    const element = document.createElement(tag)
    if (className) element.className = className
    if (text !== undefined) element.textContent = text
    return element
  }
  const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(Math.abs(value) < 0.001 ? 5 : 3)
  const rgba = (hex, alpha) => {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))
    return `rgba(${r}, ${g}, ${b}, ${alpha.toFixed(3)})`
  }
  const colour = (value, scale) => {
    if (!value || !scale) return ""
    const { speaks_for, against, strength } = data.colours
    return rgba(value > 0 ? speaks_for : against, strength * Math.min(1, Math.abs(value) / scale))
  }

  // The page is run again after each click: the same text keeps its elements, its scroll and its layer.
  const identity = JSON.stringify([data.pieces, data.layers.map((layer) => layer.label)])
  let root = parentElement.querySelector(".root")
  if (!root || root.identity !== identity) {
    if (root) root.remove()
    root = build()
    root.identity = identity
    parentElement.appendChild(root)
  }
  root.paint = paint
  root.clicked = (index) => setTriggerValue("word", index)
  paint()

  function build() {
    const top = create("div", "root")
    const bar = create("label", "bar")
    const slider = create("input", "slider")
    Object.assign(slider, { type: "range", min: 0, max: data.layers.length - 1, step: 1 })
    slider.value = data.layers.length - 1
    slider.setAttribute("aria-label", "Layer")
    bar.append(create("span", "", "Layer"), slider, create("span", "layer"))
    const panels = create("div", "panels")
    data.layers[0].panels.forEach(() => {
      const panel = create("div", "panel")
      const legend = create("div", "legend")
      legend.append(create("span", "low"), create("span", "ramp"), create("span", "high"))
      const text = create("div", "text")
      text.tabIndex = 0
      data.pieces.forEach(([characters, word], place) => {
        const last = place === data.pieces.length - 1
        const span = create("span", word < 0 ? (last ? "unread" : "") : "w", characters)
        if (word >= 0) span.dataset.word = word
        text.append(span)
      })
      panel.append(create("div", "title"), legend, create("div", "note"), text)
      panels.append(panel)
    })
    top.append(bar, panels, create("div", "readout"))
    slider.oninput = () => top.paint()
    const texts = [...panels.querySelectorAll(".text")]
    texts.forEach((text) => {
      text.onscroll = () => texts.forEach((other) => {
        if (Math.abs(other.scrollTop - text.scrollTop) > 1) other.scrollTop = text.scrollTop
      })
    })
    panels.onmouseover = (event) => point(top, event.target.dataset && event.target.dataset.word)
    panels.onmouseleave = () => point(top, undefined)
    panels.onclick = (event) => {
      const word = event.target.dataset && event.target.dataset.word
      if (word === undefined || String(window.getSelection())) return
      top.querySelectorAll(`[data-word="${word}"]`).forEach((span) => span.classList.toggle("struck"))
      top.clicked(Number(word))
    }
    return top
  }

  function point(top, word) {
    top.querySelectorAll(".same").forEach((span) => span.classList.remove("same"))
    const readout = top.querySelector(".readout")
    readout.textContent = top.hint
    if (word === undefined) return
    const spans = top.querySelectorAll(`[data-word="${word}"]`)
    spans.forEach((span) => span.classList.add("same"))
    readout.textContent = `“${spans[0].textContent}”: ` + [...spans].map((span) => span.title).join(" · ")
  }

  function paint() {
    const at = Number(root.querySelector(".slider").value)
    const layer = data.layers[at]
    root.querySelector(".layer").textContent = layer.label
    root.hint = "Point at a word for its values, click it to strike it out."
    root.querySelector(".readout").textContent = root.hint
    const { speaks_for, against, strength } = data.colours
    root.querySelectorAll(".panel").forEach((element, number) => {
      const panel = layer.panels[number]
      element.querySelector(".title").textContent = panel.title
      element.querySelector(".note").textContent = panel.note
      element.querySelector(".low").textContent = panel.scale ? "against " + signed(-panel.scale) : ""
      element.querySelector(".high").textContent = panel.scale ? signed(panel.scale) + " for" : ""
      const ramp = element.querySelector(".ramp")
      ramp.style.visibility = panel.scale ? "visible" : "hidden"
      ramp.style.background =
        `linear-gradient(90deg, ${rgba(against, strength)}, ${rgba(against, 0)} 50%, ` +
        `${rgba(speaks_for, 0)} 50%, ${rgba(speaks_for, strength)})`
      element.querySelectorAll(".w").forEach((span) => {
        const word = Number(span.dataset.word)
        const value = panel.values ? panel.values[word] : 0
        span.style.backgroundColor = colour(value, panel.scale)
        span.title = panel.values ? `${panel.title} ${signed(value)}` : `${panel.title}: none`
        const edit = data.edits[word]
        span.classList.toggle("struck", edit !== undefined)
        if (edit) span.dataset.new = edit
        else delete span.dataset.new
      })
    })
  }
}
