// Before the first paint: the theme that was chosen here, or the system's.
{
  const asked = new URLSearchParams(location.search).get('theme') ?? localStorage.getItem('muster-theme');
  const isLight = asked === 'light' || (asked !== 'dark' && matchMedia('(prefers-color-scheme: light)').matches);
  document.documentElement.dataset.theme = isLight ? 'light' : 'dark';
}
