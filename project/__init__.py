"""How a process is put together: settings, addresses, ASGI, Celery, system checks."""
