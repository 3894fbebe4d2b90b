/**
 * Whether a text fits a pattern in which `*` stands for any characters, none included, and `?` for exactly one.
 * Case counts. Takes time in proportion to pattern times text at most, whatever somebody has typed.
 */
export function matchesGlob(glob: string, text: string): boolean {
  let inGlob = 0
  let inText = 0
  let star = -1
  let retryFrom = 0
  while (inText < text.length) {
    if (glob[inGlob] === '*') {
      star = inGlob
      inGlob += 1
      retryFrom = inText
    } else if (glob[inGlob] === '?' || glob[inGlob] === text[inText]) {
      inGlob += 1
      inText += 1
    } else if (star >= 0) {
      // The last star takes one character more.
      inGlob = star + 1
      retryFrom += 1
      inText = retryFrom
    } else {
      return false
    }
  }
  while (glob[inGlob] === '*') inGlob += 1
  return inGlob === glob.length
}
