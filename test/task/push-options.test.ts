import { expect, test } from 'vitest'
import { forces, parsePushOptions, takesTags } from '../../src/task/push-options.ts'
import { chinese, containing } from '../rig/matchers.ts'

function optionsOf(given: string | readonly string[]) {
  const parsed = parsePushOptions(given)
  if (parsed.kind === 'refused') throw new Error(parsed.option)
  return parsed.options
}

test('options come as one text or one by one, under any of their names', () => {
  const options = [optionsOf('--force --no-verify'), optionsOf(['-f', ' --force-with-lease ']), optionsOf('')]

  expect(options).toEqual([['--force', '--no-verify'], ['--force'], []])
})

test('only some of them mean something', () => {
  const [forced, tagged, plain] = [
    optionsOf('-f'),
    optionsOf('--follow-tags'),
    optionsOf('-q --verbose --progress --porcelain --no-verify'),
  ]

  expect([forces(forced ?? []), takesTags(tagged ?? [])]).toEqual([true, true])
  expect([forces(plain ?? []), takesTags(plain ?? [])]).toEqual([false, false])
})

test.each([
  ['--mirror', 'deletes'],
  ['--prune', 'deletes'],
  ['-d', 'deletes'],
  ['--all', 'all-branch'],
  ['--set-upstream', 'configuration'],
  ['--receive-pack=sh -c evil', 'not known'],
  ['--exec=evil', 'not known'],
  ['-n', 'not known'],
  ['origin', 'not known'],
  ['--FORCE', 'not known'],
])('%s is refused with the reason: %s', (option, reason) => {
  const parsed = parsePushOptions(['--force', option])

  expect(parsed).toMatchObject({
    kind: 'refused',
    option: option.split('=')[0],
    reason: { zh: chinese, en: containing(reason) },
  })
})
