import { ORDINARY } from '../rig/fake-gitlink-repository.ts'
import { startFakeGitlink } from '../rig/fake-forge-gitlink.ts'
import type { FakeGitlink } from '../rig/fake-forge-gitlink.ts'
import type { BoundPair } from '../rig/journey.ts'
import { TOKEN } from './hooks-world.ts'

// A repository that the journey serves with git, as GitLink's API has it.

export const MIRROR = { ...ORDINARY, type: 2 } as const

export function gitlinkOf(repository: BoundPair['inner']): Promise<FakeGitlink> {
  return startFakeGitlink({ token: TOKEN, fullName: repository.name, cloneUrl: repository.url })
}

/** What a person gives so that the daemon can ask it. */
export function accessTo(
  forge: Pick<FakeGitlink, 'origin'>,
  changes: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return { forge: 'gitlink', api_token: TOKEN, api_url: `${forge.origin}/api`, ...changes }
}
