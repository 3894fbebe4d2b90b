import type { RemoteAccess } from '../environment.ts'
import type { RemoteUrl } from '../refs.ts'
import { quoted, sshArguments, sshPath } from '../ssh-call.ts'
import type { SshChannel } from '../ssh-channel.ts'
import { openChannel } from '../ssh-channel.ts'
import { requireUsable } from './advertisement.ts'
import { readAdvertisement, readPack, readRefs, readReport } from './answers.ts'
import { fetchRequest } from './fetch.ts'
import { lsRefsRequest } from './ls-refs.ts'
import type { RefUpdate, UpdateReport } from './receive-pack.ts'
import { requireUnmoved, updateRequest } from './receive-pack.ts'
import type { Sections } from './sections.ts'
import { cutSections } from './sections.ts'
import { WireError } from './wire-error.ts'
import type { WireRepository, WireWatch } from './wire-repository.ts'

// A repository that is asked over SSH (gitprotocol-pack, gitprotocol-v2), over the connection that git's own
// calls share. A question does not wait for what the server says first: all questions of one piece of work go
// through one `git-upload-pack`, and a `git-receive-pack` is started before it is known whether it is needed.

type Place = {
  readonly deps: { readonly runtimeDir: string }
  readonly url: RemoteUrl
  readonly access: RemoteAccess & Required<Pick<RemoteAccess, 'ssh'>>
}

type Line = { readonly channel: SshChannel; readonly sections: Sections }

export function openSshRepository(place: Place, watch: WireWatch): WireRepository {
  const { url, access } = place
  const lines: Line[] = []
  const open = (service: Service): Line => {
    const line = openLine(place, service, watch)
    lines.push(line)
    return line
  }
  let reading: Conversation | undefined
  let writing: Line | undefined
  const read = (): Conversation => (reading ??= converse(open('git-upload-pack')))
  const write = (): Line => (writing ??= open('git-receive-pack'))
  return {
    url,
    addresses: access.ssh.addresses,
    askAdvertisement: () => read().advertisement,
    listRefs: (prefixes, onRef) => readRefs(read().ask(lsRefsRequest(prefixes)), onRef),
    openPack: (commits) => {
      const body = read().ask(fetchRequest(commits))
      // Nobody knows when the pack will have been read.
      reading = undefined
      return readPack(body)
    },
    prepareUpdate: () => Promise.resolve(void write()),
    sendUpdate: (update, pack) => sendUpdate(write(), update, pack),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(lines.map(({ channel }) => channel[Symbol.asyncDispose]()))
    },
  }
}

type Service = 'git-upload-pack' | 'git-receive-pack'

function openLine({ deps, url, access }: Place, service: Service, watch: WireWatch): Line {
  const isReading = service === 'git-upload-pack'
  const command = `${service} ${quoted(repositoryPath(url))}`
  const args = sshArguments(url, access, command, isReading ? ['SendEnv=GIT_PROTOCOL'] : [])
  if (args === undefined) throw new Error(`${url} is no address of SSH`)
  const variables = isReading ? { GIT_PROTOCOL: 'version=2' } : {}
  const channel = openChannel(deps, { args, access, variables, ...watch })
  const sections = cutSections(
    channel.answer,
    async () => new WireError('unreachable', await channel.lastWords()),
  )
  return { channel, sections }
}

// As git sends it: a path that begins in somebody's home has no slash before that.
function repositoryPath(url: RemoteUrl): string {
  return sshPath(url).replace(/^\/~/, '~')
}

type Conversation = {
  readonly advertisement: ReturnType<typeof readAdvertisement>
  /** The answer rejects when the one before it did. */
  readonly ask: (request: Buffer) => AsyncGenerator<Buffer>
}

function converse({ channel, sections }: Line): Conversation {
  const advertisement = readAdvertisement(sections.next())
  let last: Promise<unknown> = advertisement
  last.catch(() => {})
  return {
    advertisement,
    ask: (request) => {
      // Where nobody takes it, the answer tells why.
      const sent = channel.send(request)
      const before = last
      const read = Promise.withResolvers<void>()
      read.promise.catch(() => {})
      last = read.promise
      return answer(async () => {
        requireUsable(await advertisement)
        await Promise.all([before, sent])
        return sections.next()
      }, read)
    },
  }
}

async function* answer(
  begin: () => Promise<AsyncGenerator<Buffer>>,
  read: Pick<PromiseWithResolvers<void>, 'resolve' | 'reject'>,
): AsyncGenerator<Buffer> {
  try {
    yield* await begin()
    read.resolve()
  } catch (error) {
    read.reject(error)
    throw error
  }
}

async function sendUpdate(
  { channel, sections }: Line,
  update: RefUpdate,
  pack: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<UpdateReport> {
  await requireUnmoved(sections.next(), update)
  const report = readReport(sections.next(), update.ref)
  // A server that has heard enough says so before it has everything.
  return Promise.race([report, pour(channel, update, pack).then(() => report)])
}

async function pour(
  { send }: SshChannel,
  update: RefUpdate,
  pack: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<void> {
  const command = updateRequest(update)
  if (pack instanceof Uint8Array) {
    await send(Buffer.concat([command, pack]))
    return
  }
  if (!(await send(command))) return
  for await (const piece of pack) if (!(await send(piece))) return
}
