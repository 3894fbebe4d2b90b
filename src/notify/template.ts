import Mustache from 'mustache'
import { templateRefused } from './channel-error.ts'
import type { Variables } from './variables.ts'
import { VARIABLES } from './variables.ts'

// Texts that people write themselves. Nothing but the names of `variables.ts` means anything in them:
// `{{Name}}`, the Go form `{{.Name}}`, and a part that shows only with, or without, a value.

const LONGEST_TEMPLATE = 10_000
const GO_NAME = /\{\{-?\s*\.(\w+)\s*-?\}\}/g
const TRIPLE = /\{\{\{\s*(\w+)\s*\}\}\}/g
const KNOWN: ReadonlySet<string> = new Set(VARIABLES)

type Token = readonly [type: string, value: string, start: number, end: number, ...rest: readonly unknown[]]

/** Throws `template` for what no template can hold; `field` names it for the person who wrote it. */
export function checkTemplate(field: string, template: string): void {
  if (template.length > LONGEST_TEMPLATE) {
    throw templateRefused(field, {
      zh: `不能超过 ${LONGEST_TEMPLATE} 个字符`,
      en: `is longer than ${LONGEST_TEMPLATE} characters`,
    })
  }
  for (const [type, value] of flatten(parse(field, plainForm(template)))) {
    if (type === 'text' || type === '!') continue
    const isPart = type === 'name' || type === '&' || type === '#' || type === '^'
    if (isPart && KNOWN.has(value)) continue
    const shown = value.slice(0, 60)
    throw templateRefused(
      field,
      isPart
        ? {
            zh: `未知变量“${shown}”；可用变量：${VARIABLES.join(' ')}`,
            en: `"${shown}" is no variable; there are ${VARIABLES.join(' ')}`,
          }
        : { zh: `不支持的写法“${shown}”`, en: `"${shown}" is not supported in a template` },
    )
  }
}

/** The text with every value escaped, whichever form asks for it; values are never read as a template. */
export function renderTemplate(
  template: string,
  variables: Variables,
  escape: (value: string) => string,
): string {
  const escaped = Object.entries(variables).map(([name, value]) => [name, escape(value)] as const)
  // Without a prototype, so that there is nothing else to find in it.
  const view = { __proto__: null, ...Object.fromEntries(escaped) }
  // A writer of its own: the shared one remembers every template for ever.
  return new Mustache.Writer().render(plainForm(template), view, undefined, { escape: String })
}

function plainForm(template: string): string {
  return template.replaceAll(GO_NAME, '{{$1}}').replaceAll(TRIPLE, '{{$1}}')
}

function parse(field: string, template: string): readonly Token[] {
  try {
    const tokens: readonly Token[] = Mustache.parse(template)
    Mustache.clearCache()
    return tokens
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : ''
    throw templateRefused(field, { zh: `语法错误（${words}）`, en: words })
  }
}

function flatten(tokens: readonly Token[]): readonly Token[] {
  return tokens.flatMap((token) => {
    const [, , , , inner] = token
    return isTokens(inner) ? [token, ...flatten(inner)] : [token]
  })
}

function isTokens(value: unknown): value is readonly Token[] {
  return Array.isArray(value)
}
