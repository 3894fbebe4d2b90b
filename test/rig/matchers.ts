import { expect } from 'vitest'

// Matchers for values inside of an expected object, typed so that nothing becomes `any` by them.

export const aText: unknown = expect.any(String)
export const aNumber: unknown = expect.any(Number)

export function containing(text: string): unknown {
  return expect.stringContaining(text)
}

export function matching(pattern: RegExp): unknown {
  return expect.stringMatching(pattern)
}

/** Chinese, whatever it says. */
export const chinese: unknown = matching(/\p{Script=Han}/u)
