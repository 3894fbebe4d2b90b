import { DomainError } from '../domain-error.ts'
import type { Text } from '../domain-error.ts'
import { toRefName } from '../git/refs.ts'
import type { Direction } from './binding.ts'
import type { Rename, Rules } from './rules.ts'

// What can be wrong with rules that a person has written.

const MOST_PATTERNS = 100
const MAX_LENGTH = 255

/** Throws `rules` with the pattern or policy that cannot be used, and what to write instead. */
export function checkRules(rules: Rules, direction: Direction): void {
  for (const list of [rules.include, rules.exclude, rules.rename]) {
    if (list.length > MOST_PATTERNS) {
      throw refused({
        zh: `最多 ${MOST_PATTERNS} 条规则`,
        en: `there may be at most ${MOST_PATTERNS} patterns of a kind`,
      })
    }
  }
  for (const glob of [...rules.include, ...rules.exclude]) checkGlob(glob)
  for (const rename of rules.rename) checkRename(rename)
  if (rules.deletePolicy === 'mirror' && direction === 'both') {
    throw refused(
      {
        zh: '双向同步没有镜像源，不能使用 delete_policy=mirror',
        en: 'a two-way binding has no side to mirror, so delete_policy cannot be mirror',
      },
      {
        zh: '请使用 tracked：只删除两边曾经一致的分支',
        en: 'use tracked: it deletes what both sides once had equal',
      },
    )
  }
}

const GLOB_HINT: Text = {
  zh: '示例：main、release/*、refs/tags/v*；* 匹配任意字符（包括 /），? 匹配一个字符',
  en: 'write for example main, release/* or refs/tags/v*; * stands for any characters, / included, and ? for one',
}

function checkGlob(glob: string): void {
  const sample = glob.replace(/[*?]+/g, 'x')
  if (glob.length > MAX_LENGTH || !isRefLike(sample)) {
    throw refused(
      { zh: `规则“${shown(glob)}”无效`, en: `the pattern "${shown(glob)}" cannot be used` },
      GLOB_HINT,
    )
  }
}

function checkRename({ internal, external }: Rename): void {
  const hint: Text = {
    zh: '两边各写一个名称，或各含一个 *，例如 {"internal":"release/*","external":"vendor/release/*"}',
    en: 'give one name per side, or one * in each: {"internal":"release/*","external":"vendor/release/*"}',
  }
  const stars = [internal, external].map((name) => name.split('*').length - 1)
  const kinds = [internal, external].map((name) => name.startsWith('refs/tags/'))
  const isUsable = [internal, external].every(
    (name) => name.length <= MAX_LENGTH && !name.includes('?') && isRefLike(name.replace('*', 'x')),
  )
  if (!isUsable || stars[0] !== stars[1] || (stars[0] ?? 0) > 1 || kinds[0] !== kinds[1]) {
    const text = `${shown(internal)} → ${shown(external)}`
    throw refused({ zh: `改名规则“${text}”无效`, en: `the rename "${text}" cannot be used` }, hint)
  }
}

function isRefLike(name: string): boolean {
  if (name.startsWith('tags/') || name.startsWith('heads/')) return false
  return toRefName(name.startsWith('refs/') ? name : `refs/heads/${name}`) !== undefined
}

// What somebody typed comes back in a sentence, so nothing in it may act there.
function shown(text: string): string {
  return text.slice(0, 80).replace(/[\p{Cc}\p{Cf}]/gu, '\u{fffd}')
}

function refused(detail: Text, hint?: Text): DomainError {
  return new DomainError('invalid', 'rules', detail, hint === undefined ? {} : { hint })
}
