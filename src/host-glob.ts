/** Tells whether a host is meant by a glob such as `*.example.com`; case and a dot at the end do not count. */
export function hostMatcher(glob: string): (host: string) => boolean {
  const source = glob
    .toLowerCase()
    .replaceAll(/[\\^$.+()[\]{}|]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  const pattern = new RegExp(`^${source}$`)
  return (host) => pattern.test(host.toLowerCase().replace(/\.$/, ''))
}
