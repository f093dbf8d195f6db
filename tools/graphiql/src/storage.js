// GraphiQL keeps headers, so credentials, out of the tabs it stores, but not out of the history and the favourites.
const HISTORY_KEYS = ['graphiql:queries', 'graphiql:favorites'];
const withoutHeaders = text => JSON.stringify(JSON.parse(text), (key, value) => (key === 'headers' ? undefined : value));

/**
 * Local storage under keys of this endpoint's own: other GraphiQL pages that were served from the same host and port
 * (a developer's loopback address) keep their tabs apart. `null`, so no storage, where the browser allows none.
 */
export function pageStorage(pathname) {
  const prefix = `rungraph${pathname}:`;
  let local;
  try {
    local = globalThis.localStorage;
  } catch {
    return null;
  }
  const keys = () => Object.keys(local).filter(key => key.startsWith(prefix));
  return {
    getItem: key => local.getItem(prefix + key),
    setItem: (key, value) => local.setItem(prefix + key, HISTORY_KEYS.includes(key) ? withoutHeaders(value) : value),
    removeItem: key => local.removeItem(prefix + key),
    clear: () => keys().forEach(key => local.removeItem(key)),
    get length() {
      return keys().length;
    },
  };
}
