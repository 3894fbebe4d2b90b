import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { git, installHook, protectBranches } from '../rig/repository.ts'
import { startGitHttpServer } from '../rig/git-http-server.ts'
import { foretold, play, titled } from './story.ts'
import type { Scene, Story } from './story.ts'

// Forges that have rules of their own, and content that not every forge takes.

const MAIN = 'refs/heads/main'
const TOPIC = 'refs/heads/topic'
const LOCKED = 'refs/heads/locked'

/** Four branches beside main appear at the source, and the forge tells of main alone. */
async function pushFive({ set, push, second }: Scene): Promise<number | undefined> {
  for (const name of ['a', 'b', 'locked', 'z']) await set('source', `refs/heads/${name}`, second)
  await push('source', MAIN, second)
  return undefined
}

const RULES: readonly Story[] = [
  {
    id: 'R8',
    what: 'the target protects one of five branches',
    arrange: ({ dir }) => protectBranches(dir('target'), 'locked'),
    act: async (scene) => {
      await pushFive(scene)
      return scene.ask('sync')
    },
    ends: 'protected',
    check: async ({ names }) =>
      expect(await names('target')).toEqual(['refs/heads/a', 'refs/heads/b', MAIN, 'refs/heads/z']),
    mend: ({ dir }) => rm(join(dir('target'), 'hooks/pre-receive')),
  },
  {
    id: 'R8',
    what: 'the update hook of the target refuses one branch',
    arrange: ({ dir }) =>
      installHook(dir('target'), 'update', 'case "$1" in *locked) echo "not this one" >&2; exit 1;; esac'),
    act: async (scene) => {
      await pushFive(scene)
      return scene.ask('sync')
    },
    ends: 'hook_declined',
    check: async ({ names }) => expect(await names('target')).not.toContain(LOCKED),
    mend: ({ dir }) => rm(join(dir('target'), 'hooks/update')),
  },
  {
    id: 'R8',
    what: 'the target declines everything in words that nobody knows',
    arrange: ({ dir }) => installHook(dir('target'), 'pre-receive', 'echo "not on a Friday" >&2; exit 1'),
    ends: 'hook_declined',
    mend: ({ dir }) => rm(join(dir('target'), 'hooks/pre-receive')),
  },
  {
    id: 'R9',
    what: 'the target hides the branch',
    arrange: ({ dir }) => git(dir('target'), 'config', 'receive.hideRefs', TOPIC),
    act: ({ push, second }) => push('source', TOPIC, second),
    ends: 'protected',
    mend: ({ dir }) => git(dir('target'), 'config', '--unset', 'receive.hideRefs'),
  },
  {
    id: 'R9',
    what: 'the source has refs that are no branches and no tags',
    arrange: async ({ set, second }) => {
      for (const ref of OTHER_REFS) await set('source', ref, second)
    },
    act: async ({ push, second, ask }) => {
      await push('source', MAIN, second)
      return ask('sync')
    },
    ends: 'succeeded',
    check: async ({ names }) => expect(await names('target')).toEqual([MAIN]),
    mayDiffer: ['refs/pull/1/head', 'refs/merge-requests/2/head', 'refs/notes/commits'],
  },
  {
    id: 'R13',
    what: 'a lock of the branch was left at the target',
    arrange: ({ dir }) => writeFile(join(dir('target'), `${MAIN}.lock`), ''),
    ends: 'moved_meanwhile',
    mend: ({ dir }) => rm(join(dir('target'), `${MAIN}.lock`)),
  },
  {
    id: 'R14',
    what: 'a branch became a folder of branches, and the target may not delete',
    arrange: ({ settle, second }) => settle(TOPIC, second),
    act: async ({ set, push, second }) => {
      await set('source', TOPIC, null)
      return push('source', `${TOPIC}/part`, second)
    },
    ends: 'name_taken',
    mayDiffer: [TOPIC, `${TOPIC}/part`],
  },
  {
    id: 'R14',
    what: 'a branch became a folder of branches, and deletions travel',
    options: { delete_policy: 'tracked' },
    arrange: ({ settle, second }) => settle(TOPIC, second),
    act: async ({ push, second }) => {
      await push('source', TOPIC, null)
      return push('source', `${TOPIC}/part`, second)
    },
    mend: ({ timePasses }) => timePasses(),
  },
]

const OTHER_REFS = ['refs/pull/1/head', 'refs/merge-requests/2/head', 'refs/notes/commits']

const CONTENT: readonly Story[] = [
  {
    id: 'R23',
    what: 'the source has a file that is called .git',
    act: ({ chaos, push, first }) => push('source', MAIN, chaos.hands.commit('evil', [first], '.git')),
    ends: 'bad_objects',
    endsRelayed: 'succeeded',
    mend: ({ set, second }) => set('source', MAIN, second),
  },
  {
    id: 'R26',
    what: 'the source has lost an object',
    arrange: async ({ set, second, dir }) => {
      await set('source', MAIN, second)
      await rm(join(dir('source'), 'objects', second.slice(0, 2), second.slice(2)))
    },
    act: ({ ask }) => ask('sync'),
    ends: 'ref_missing',
    mend: ({ chaos, dir, second }) => chaos.hands.bring(dir('source'), second),
  },
]

test.each(titled([...RULES, ...CONTENT]))(
  '%s',
  async (_, story, carrier) => {
    const endings = await play(story, carrier)

    expect(endings).toEqual(foretold(story, endings, carrier))
  },
  240_000,
)

test('R7 a redirect is not followed, whichever request it answers', async () => {
  await using canary = await startGitHttpServer()
  const redirect = { kind: 'redirect', to: canary.origin } as const
  const story: Story = {
    id: 'R7',
    what: 'redirected',
    arrange: ({ inflict }) => {
      inflict('source', ['info', 'list', 'fetch'], redirect, 1)
      inflict('target', ['push-info', 'push'], redirect)
    },
    ends: 'redirected',
    check: async ({ timePasses }) => timePasses(),
  }

  const endings = await play(story)

  expect(endings).toEqual(foretold(story, endings))
  expect(canary.requests).toEqual([])
}, 240_000)
