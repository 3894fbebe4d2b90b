/** How deeply the arrays and objects of a JSON text are nested, without parsing it; wrong JSON gives any number. */
export function jsonDepth(json: string): number {
  let depth = 0
  let deepest = 0
  let isInString = false
  for (let position = 0; position < json.length; position++) {
    const character = json[position]
    if (isInString) {
      if (character === '\\') position++
      else if (character === '"') isInString = false
    } else if (character === '"') isInString = true
    else if (character === '[' || character === '{') deepest = Math.max(deepest, ++depth)
    else if (character === ']' || character === '}') depth--
  }
  return deepest
}
