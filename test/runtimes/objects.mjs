// How workerd is told to run Durable Objects: https://github.com/cloudflare/workerd/blob/main/src/workerd/server/workerd.capnp

/**
 * The configuration of one Worker with objects whose storage is in the folder `disk`. `classes` are the classes by the name
 * that the Worker has them under; the one named `withoutSql` gets the storage that has no SQLite.
 */
export const objectConfig = ({ script, disk, classes, withoutSql, port, date = '2026-10-01' }) => {
  const namespaces = Object.entries(classes).map(
    ([name, className]) =>
      `(className = "${className}", uniqueKey = "${name}", enableSql = ${name !== withoutSql}, preventEviction = true)`,
  );
  const bindings = Object.entries(classes).map(
    ([name, className]) => `(name = "${name}", durableObjectNamespace = "${className}")`,
  );
  const sockets =
    port === undefined
      ? ''
      : `, sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "main", worker = .main), (name = "disk", disk = (path = "${disk}", writable = true))]${sockets});
const main :Workerd.Worker = (modules = [(name = "worker", esModule = embed "${script}")], compatibilityDate = "${date}",
  durableObjectNamespaces = [${namespaces.join(', ')}], durableObjectStorage = (localDisk = "disk"), bindings = [${bindings.join(', ')}]);`;
};
