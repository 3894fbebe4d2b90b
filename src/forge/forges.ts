import type { Forge, ForgeName, WebhookRequest } from './forge.ts'
import { forgejo } from './forgejo.ts'
import { gitea } from './gitea.ts'
import { github } from './github.ts'
import { gitlab } from './gitlab.ts'
import { gitlink, isFromGitlink } from './gitlink.ts'
import { gogs } from './gogs.ts'

const FORGES: readonly Forge[] = [github, gitlab, gitea, forgejo, gogs, gitlink]
const forgesByName: ReadonlyMap<string, Forge> = new Map(FORGES.map((forge) => [forge.name, forge]))

export const FORGE_NAMES: readonly ForgeName[] = FORGES.map((forge) => forge.name)

/** The adapter of that name; undefined when there is none. */
export function forgeByName(name: ForgeName): Forge
export function forgeByName(name: string): Forge | undefined
export function forgeByName(name: string): Forge | undefined {
  return forgesByName.get(name)
}

// The order is the meaning: whoever copies the headers of another comes before it. Gitea and its kin send
// each other's headers and GitHub's too. Forges without an adapter are named so that nobody else takes them.
const FORGE_BY_HEADER: readonly (readonly [header: string, forge: ForgeName | undefined])[] = [
  ['x-forgejo-event', 'forgejo'],
  ['x-gitea-event', 'gitea'],
  ['x-gogs-event', 'gogs'],
  ['x-gitee-event', undefined],
  ['x-git-oschina-event', undefined],
  ['x-codeup-event', undefined],
  ['codeup-event', undefined],
  ['x-coding-event', undefined],
  ['x-gitcode-event', undefined],
  ['x-gitlab-event', 'gitlab'],
  ['x-event-key', undefined],
  ['x-github-event', 'github'],
]

/** Which forge sent a request that does not say so in its address. */
export function recognise(request: WebhookRequest): ForgeName | undefined {
  const forge = FORGE_BY_HEADER.find(([header]) => request.headers.has(header))?.[1]
  return forge === 'gitea' && isFromGitlink(request) ? 'gitlink' : forge
}
