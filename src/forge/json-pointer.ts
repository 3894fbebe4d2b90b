// One value in JSON, named by its path: https://www.rfc-editor.org/rfc/rfc6901

/** What stands at the pointer; undefined when nothing does. */
export function readPointer(json: unknown, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce(child, json)
}

function child(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  return Reflect.get(value, key)
}
