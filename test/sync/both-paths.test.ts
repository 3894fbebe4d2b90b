import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Side } from '../../src/binding/binding.ts'
import { FLUSH, textPacket } from '../../src/git/wire/pkt-line.ts'
import type { Fault, Service } from '../rig/git-http-server.ts'
import { git, shaOf } from '../rig/repository.ts'
import { pair } from './comparison.ts'
import { tell } from './both-paths.ts'
import type { Story } from './both-paths.ts'
import type { World } from './world.ts'

const LARGE = { 'large.txt': randomBytes(2 ** 20).toString('hex') }

async function advance(
  world: World,
  message = 'second',
  files?: Readonly<Record<string, string>>,
): Promise<void> {
  await world.work.commit(message, files)
  await world.push('internal', 'main')
}

/** Each side gets a commit of its own. */
async function diverge(world: World): Promise<void> {
  await world.work.branch('theirs')
  await world.work.commit('theirs')
  await world.push('external', 'theirs:main')
  await world.work.checkout('main')
  await advance(world, 'ours')
}

function faultAt(world: World, side: Side, fault: Fault): void {
  world.server.fault(world.repositories[side].name, fault)
}

const RELAYED: Readonly<Record<string, Story>> = {
  'one commit': { prepare: (world) => advance(world) },
  'many commits': {
    prepare: async (world) => {
      for (let number = 0; number < 20; number += 1) await world.work.commit(`number ${number}`)
      await advance(world)
    },
  },
  'a merge': {
    prepare: async (world) => {
      await world.work.branch('side')
      await world.work.commit('side')
      await world.work.checkout('main')
      await world.work.commit('main')
      await git(world.work.dir, 'merge', '--quiet', '-m', 'merged', 'side')
      await world.push('internal', 'main')
    },
  },
  'an empty commit': { prepare: (world) => advance(world, 'empty', {}) },
  'a large commit': { prepare: (world) => advance(world, 'large', LARGE) },
  'a branch with another name on the other side': {
    names: ['feature/größe', 'vendor/main'],
    prepare: async (world) => {
      await world.work.commit('second')
      await world.push('internal', 'main:feature/größe')
    },
  },
  'the way back': {
    direction: 'to_inter',
    prepare: async (world) => {
      await world.work.commit('second')
      await world.push('external', 'main')
    },
  },
  'a two-way binding': {
    direction: 'both',
    pushedOn: 'external',
    prepare: async (world) => {
      await world.work.commit('second')
      await world.push('external', 'main')
    },
  },
  'a webhook that came late': {
    prepare: async (world) => {
      await advance(world)
      await advance(world, 'third')
    },
    hint: (world) => world.work.resolve('main^'),
  },
  'a webhook that lies': {
    prepare: async (world) => {
      await world.work.commit('proposed')
      await world.push('internal', 'main:refs/pull/1/head')
      await git(world.work.dir, 'reset', '--quiet', '--hard', 'HEAD^')
      await advance(world)
    },
    hint: async (world) => shaOf(await git(world.repositories.internal.dir, 'rev-parse', 'refs/pull/1/head')),
  },
}

describe.each(['http', 'ssh'] as const)('over %s', (way) => {
  test.each(Object.entries(RELAYED))('%s travels without git, and ends as with git', async (_, story) => {
    const relayed = await tell(story, true, way)
    const byGit = await tell(story, false, way)

    expect(relayed.processes).toEqual([])
    expect({ ...relayed, processes: [] }).toEqual({ ...byGit, processes: [] })
  })
})

const LEFT_TO_GIT: Readonly<Record<string, Story>> = {
  'a webhook that lies about a branch that stands still': {
    prepare: async (world) => {
      await world.work.commit('proposed')
      await world.push('internal', 'main:refs/pull/1/head')
    },
    hint: (world) => world.work.resolve('main'),
  },
  'a rewritten history': {
    prepare: async (world) => {
      await world.work.amend('rewritten')
      await world.push('internal', '+main')
    },
  },
  'a source that was set back': {
    prepare: async (world) => {
      await advance(world)
      await world.push('external', 'main')
      await world.sync({ scope: [pair('main')] })
      await world.push('internal', '+main^:main')
    },
  },
  'a target that has a commit of its own': {
    prepare: diverge,
  },
  'a target that has it already': {
    prepare: async (world) => {
      await advance(world)
      await world.push('external', 'main')
    },
  },
  'a target that is ahead': {
    prepare: async (world) => {
      await advance(world)
      await world.work.commit('third')
      await world.push('external', 'main')
    },
  },
  'a target that lost the branch': {
    prepare: async (world) => {
      await advance(world)
      await git(world.repositories.external.dir, 'update-ref', '-d', 'refs/heads/main')
    },
  },
  'a source that lost the branch': {
    prepare: async (world) => {
      await git(world.repositories.internal.dir, 'update-ref', '-d', 'refs/heads/main')
    },
    hint: (world) => world.work.resolve('main'),
  },
  'a two-way binding of which both sides moved': {
    direction: 'both',
    pushedOn: 'internal',
    prepare: diverge,
  },
  'a protected branch': {
    prepare: async (world) => {
      await advance(world)
      await world.protect('external', 'main')
    },
  },
  'a hook that declines': {
    prepare: async (world) => {
      await advance(world)
      await world.hook('external', 'update', 'echo no >&2; exit 1')
    },
  },
  'a source that lacks an object': {
    prepare: async (world) => {
      await advance(world)
      const second = await world.work.resolve('main')
      await rm(join(world.repositories.internal.dir, 'objects', second.slice(0, 2), second.slice(2)))
    },
  },
  'a shallow source': {
    prepare: async (world) => {
      await advance(world)
      const url = `file://${world.work.dir}`
      await git(world.repositories.internal.dir, 'fetch', '--quiet', '--depth=1', url, 'main')
    },
  },
  'a target of the other object format': { externalFormat: 'sha256', prepare: (world) => advance(world) },
}

const FAULTS: Readonly<Record<string, Story>> = {
  'a source of an older protocol': {
    prepare: async (world) => {
      await advance(world)
      faultAt(world, 'internal', { kind: 'old_protocol' })
    },
  },
  'an answer that breaks off': broken('internal', 'upload-pack', { kind: 'cut', afterBytes: 200_000 }),
  'an answer that stops': {
    ...broken('internal', 'upload-pack', { kind: 'stall', afterBytes: 200_000 }),
    idleTimeoutMs: 1000,
  },
  'a source that never answers': {
    ...broken('internal', 'upload-pack', { kind: 'hang' }),
    idleTimeoutMs: 700,
  },
  'a target that never answers': {
    ...broken('external', 'receive-pack', { kind: 'hang' }),
    idleTimeoutMs: 700,
  },
  'a source that gives up': broken('internal', 'upload-pack', {
    kind: 'rewrite',
    rewrite: (body) =>
      body.includes('packfile')
        ? Buffer.concat([textPacket('packfile'), textPacket('\u0003out of memory'), FLUSH])
        : body,
  }),
}

for (const side of ['internal', 'external'] as const) {
  const service = side === 'internal' ? 'upload-pack' : 'receive-pack'
  for (const status of [401, 404, 413, 429, 503]) {
    const headers = status === 401 ? { 'www-authenticate': 'Basic realm="x"' } : {}
    Object.assign(FAULTS, {
      [`status ${status} on ${side}`]: broken(side, service, { kind: 'status', status, headers }),
    })
  }
  Object.assign(FAULTS, {
    [`a login page on ${side}`]: broken(side, service, { kind: 'html' }),
    [`a redirect on ${side}`]: broken(side, service, { kind: 'redirect', toOrigin: 'http://127.0.0.1:9' }),
  })
}

const LEFT: readonly (readonly [string, 'http' | 'ssh', Story])[] = [
  ...Object.entries(LEFT_TO_GIT).flatMap(([name, story]) =>
    (['http', 'ssh'] as const).map((way) => [name, way, story] as const),
  ),
  ...Object.entries(FAULTS).map(([name, story]) => [name, 'http', story] as const),
]

test.each(LEFT)('%s over %s ends as with git alone', async (_, way, story) => {
  const relayed = await tell(story, true, way)
  const byGit = await tell(story, false, way)

  expect(relayed.processes.length).toBeGreaterThan(0)
  expect({ ...relayed, processes: [] }).toEqual({ ...byGit, processes: [] })
})

test('a lost answer is found out in the same sync, where git alone needs another one', async () => {
  const story: Story = {
    prepare: async (world) => {
      await advance(world)
      faultAt(world, 'external', { kind: 'lost_answer' })
    },
  }

  const relayed = await tell(story, true)
  const byGit = await tell(story, false)

  expect(relayed.syncs).toEqual([byGit.syncs[1], expect.anything()])
  expect(relayed.heads).toEqual(byGit.heads)
})

function broken(side: Side, service: Service, fault: Fault): Story {
  return {
    prepare: async (world) => {
      await advance(world, 'second', LARGE)
      faultAt(world, side, { kind: 'at', service, fault })
    },
  }
}
